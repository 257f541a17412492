-- Nobody's name, no account, no time but the month. `askers` are keyed hashes, as consents have them,
-- so that a question can be taken away again; `unsure` are keyed hashes of words that few have used.
create table unanswered_question (
    tenant text not null,
    question_id uuid not null,
    text bytea not null,
    text_key text not null,
    language text not null,
    band text not null,
    intents text[] not null,
    version text not null,
    month date not null,
    askers text[] not null,
    unsure text[] not null,
    verdict text,
    intent text,
    primary key (tenant, question_id),
    unique (tenant, language, text_key)
);

create index unanswered_question_askers on unanswered_question using gin (askers);
create index unanswered_question_unsure on unanswered_question using gin (unsure);
create index unanswered_question_page
    on unanswered_question (tenant, (verdict is null), cardinality(askers) desc, question_id);
