-- wrk sends one operation, each request with the next student's token; one line of JSON at the end.

local requests, turn = {}, 0

function init()
  local body = io.open(os.getenv("BODY")):read("*a")
  for token in io.lines(os.getenv("TOKENS")) do
    local headers = { ["content-type"] = "application/json", authorization = "Bearer " .. token }
    requests[#requests + 1] = wrk.format("POST", "/graphql", headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "micros": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
