#include "actors/agent/agent_board.hpp"
#include "api/http/core/filter.hpp"
#include "api/http/handlers/agent_handlers.hpp"

namespace actord::http {

namespace {

// Compiles ?filter= for the record; false when the answer is its error.
template <class Record> bool filter_of(exchange& x, filter& f) {
  auto made = filter::compile<Record>(x.req.param("filter"));
  if (!made) {
    x.out.fail(made.err());
    return false;
  }
  f = std::move(*made);
  return true;
}

// Tags of a check are never null in Consul's answers, except in agent/health.
void check_json(json_writer& w, const health_check& c) {
  health_check shown = c;
  shown.service_tags.set = true;
  json_encode(w, shown);
}

// The api package's HealthCheck: agent/health/* answers in this shape.
void api_check_json(json_writer& w, const health_check& c) {
  auto field = [&](std::string_view name, const std::string& text) {
    w.plain_key(name);
    w.string(text);
  };
  w.begin_object();
  field("Node", c.node);
  field("CheckID", c.check_id);
  field("Name", c.name);
  field("Status", c.status);
  field("Notes", c.notes);
  field("Output", c.output);
  field("ServiceID", c.service_id);
  field("ServiceName", c.service_name);
  w.plain_key("ServiceTags");
  if (c.service_tags.empty()) w.null();
  else json_encode(w, c.service_tags);
  field("Type", "");
  w.plain_key("Definition");
  w.raw(R"({"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSSkipVerify":false,"TCP":""})");
  w.plain_key("CreateIndex");
  w.number(uint64_t{0});
  w.plain_key("ModifyIndex");
  w.number(uint64_t{0});
  w.end_object();
}

std::string_view worst_of(const std::vector<agent_board::check_ptr>& checks) {
  std::string_view worst = health_passing;
  for (auto& c : checks) {
    if (c->type == "maintenance") return health_maintenance;
    if (c->status == health_critical) worst = health_critical;
    else if (c->status == health_warning && worst == health_passing) worst = health_warning;
  }
  return worst;
}

int code_of(std::string_view status) { return status == health_passing ? 200 : status == health_warning ? 429 : 503; }

int rank(std::string_view status) {
  return status == health_maintenance ? 3 : status == health_critical ? 2 : status == health_warning ? 1 : 0;
}

bool wants_text(const request& r) { return r.header("Accept").starts_with("text/plain") || r.param("format").starts_with("text"); }

void service_health_json(std::string& out, const node_service& s, std::string_view status, const std::vector<agent_board::check_ptr>& checks) {
  out += "{\"AggregatedStatus\":\"";
  out += status;
  out += "\",\"Service\":";
  agent_service_json(out, s);
  out += ",\"Checks\":";
  json_writer w(out);
  w.begin_array();
  for (auto& c : checks) api_check_json(w, *c);
  w.end_array();
  out += '}';
}

void answer_health(exchange& x, int code, std::string_view status, std::string json) {
  x.out.header("X-Consul-Reason", std::string(status));
  if (wants_text(x.req)) {
    x.out.kind = body_kind::other;
    x.out.content_type = "text/plain";
    x.out.body = status;
  } else x.out.json(std::move(json));
  x.out.status = code;
}

// Of a service that is not here. Text asked for is a JSON string when it was asked for by id, as Consul has it.
void answer_unknown(exchange& x, std::string reason, bool by_id) {
  if (!wants_text(x.req)) {
    x.out.json(by_id ? R"({"AggregatedStatus":"critical","Service":null,"Checks":null})" : "[]");
  } else {
    x.out.kind = body_kind::other;
    x.out.content_type = by_id ? "application/json" : "text/plain";
    if (by_id) json_writer::append_string(x.out.body, reason);
    else x.out.body = reason;
  }
  x.out.header("X-Consul-Reason", std::move(reason));
  x.out.status = 404;
}

void write_service(response& out, const agent_board& board, const std::string& id) {
  auto s = board.service(id);
  if (!s) return out.text(404, "unknown service ID: " + id);
  const std::string hash = content_hash(*s);
  std::string body;
  agent_service_json(body, *s, hash);
  out.json(std::move(body));
  out.header("X-Consul-Contenthash", hash);
}

} // namespace

void agent_services(exchange& x) {
  filter f;
  if (!filter_of<node_service>(x, f)) return;
  std::string body = "{";
  for (auto& s : x.env.board->services()) {
    if (!f.matches(*s)) continue;
    if (body.size() > 1) body += ',';
    json_writer::append_string(body, s->id);
    body += ':';
    agent_service_json(body, *s);
  }
  x.out.json(std::move(body += '}'));
}

void agent_checks(exchange& x) {
  filter f;
  if (!filter_of<health_check>(x, f)) {
    // Here Consul tells the bare reason.
    constexpr std::string_view preamble = "Failed to create boolean expression evaluator: ";
    if (x.out.body.starts_with(preamble)) x.out.body.erase(0, preamble.size());
    return;
  }
  auto w = x.out.begin_json();
  w.begin_object();
  for (auto& c : x.env.board->checks())
    if (f.matches(*c)) {
      w.key(c->check_id);
      check_json(w, *c);
    }
  w.end_object();
}

void agent_service(exchange& x) {
  std::string id(x.req.tail), hash(x.req.param("hash"));
  if (hash.empty() || !x.env.board->service(id)) return write_service(x.out, *x.env.board, id);
  nanos wait = x.env.config.default_query_time;
  if (const auto asked = x.req.param("wait"); !asked.empty()) {
    auto parsed = parse_duration(asked);
    if (!parsed) return x.out.text(400, "Invalid wait time");
    wait = std::min(*parsed, x.env.config.max_query_time);
  }
  auto later = x.defer();
  auto board = x.env.board;
  x.env.self->request(x.env.agent, caf::infinite, service_watch{id, std::move(hash), wait})
      .then([later, board, id](const agent_done&) { later.answer([&](response& out) { write_service(out, *board, id); }); },
            [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

void agent_health_by_id(exchange& x) {
  const std::string id(x.req.tail);
  if (id.empty()) return x.out.text(500, "Bad request: Missing serviceID");
  auto s = x.env.board->service(id);
  if (!s) return answer_unknown(x, "ServiceId " + id + " not found", true);
  const auto checks = x.env.board->checks_for(id);
  const std::string_view status = worst_of(checks);
  std::string body;
  service_health_json(body, *s, status, checks);
  answer_health(x, code_of(status), status, std::move(body));
}

void agent_health_by_name(exchange& x) {
  const std::string_view name = x.req.tail;
  if (name.empty()) return x.out.text(500, "Bad request: Missing service Name");
  std::string body = "[";
  std::string_view worst = health_passing;
  for (auto& s : x.env.board->services()) {
    if (s->service != name) continue;
    const auto checks = x.env.board->checks_for(s->id);
    const std::string_view status = worst_of(checks);
    if (rank(status) > rank(worst)) worst = status;
    if (body.size() > 1) body += ',';
    service_health_json(body, *s, status, checks);
  }
  if (body.size() == 1) return answer_unknown(x, "ServiceName " + std::string(name) + " Not Found", false);
  answer_health(x, code_of(worst), worst, std::move(body += ']'));
}

} // namespace actord::http
