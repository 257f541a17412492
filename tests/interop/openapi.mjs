// Reads an OpenAPI document as an assistant's host would: is it valid, what does it offer as a
// tool, and do answers that were given fit the schema that it promises?
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const given = JSON.parse(readFileSync(0, 'utf8'));
const validator = new Validator();
const { valid, errors } = await validator.validate(given.document);
const document = validator.resolveRefs();
const operation = document.paths['/chat'].post;
const ajv = addFormats.default(new Ajv.default({ strict: false, allErrors: true }));
const answer = ajv.compile(operation.responses[200].content['application/json'].schema);
const question = ajv.compile(operation.requestBody.content['application/json'].schema);
const [[scheme, scopes]] = Object.entries(operation.security[0]);
const wrong = (check, values) =>
  values.map((each) => (check(each) ? [] : check.errors.map((e) => `${e.instancePath} ${e.message}`)));

console.log(
  JSON.stringify({
    valid,
    errors: errors ?? [],
    version: validator.version,
    tool: operation.operationId,
    describedIn: operation.description.length,
    server: document.servers[0].url,
    scopes,
    flow: document.components.securitySchemes[scheme].flows.authorizationCode,
    answers: wrong(answer, given.answers),
    questions: wrong(question, given.questions),
  }),
);
