#include "actors/agent/core/content_hash.hpp"
#include "actors/agent/agent_board.hpp"
#include "actors/messages/agent_messages.hpp"
#include "api/http/core/filter.hpp"
#include "api/http/core/laborious.hpp"
#include "api/http/elsewhere.hpp"
#include "api/http/handlers/agent_handlers.hpp"

namespace actord::http {

namespace {

// Compiles ?filter= for the record; false when the answer is its error.
template <class Record> bool filter_of(std::string_view expression, response& out, filter& f) {
  auto made = filter::compile<Record>(expression);
  if (!made) {
    out.fail(made.err());
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

void answer_health(response& out, bool as_text, int code, std::string_view status, std::string json) {
  out.header("X-Consul-Reason", std::string(status));
  if (as_text) {
    out.kind = body_kind::other;
    out.content_type = "text/plain";
    out.body = status;
  } else out.json(std::move(json));
  out.status = code;
}

// Of a service that is not here. Text asked for is a JSON string when it was asked for by id, as Consul has it.
void answer_unknown(response& out, bool as_text, std::string reason, bool by_id) {
  if (!as_text) {
    out.json(by_id ? R"({"AggregatedStatus":"critical","Service":null,"Checks":null})" : "[]");
  } else {
    out.kind = body_kind::other;
    out.content_type = by_id ? "application/json" : "text/plain";
    if (by_id) json_writer::append_string(out.body, reason);
    else out.body = reason;
  }
  out.header("X-Consul-Reason", std::move(reason));
  out.status = 404;
}

void write_service(response& out, const agent_board& board, const std::string& id) {
  auto s = board.service(id);
  if (!s) return out.text(404, "unknown service ID: " + id);
  const std::string hash = agent::content_hash(*s);
  std::string body;
  agent_service_json(body, *s, hash);
  out.json(std::move(body));
  out.header("X-Consul-Contenthash", hash);
}

} // namespace

namespace {

// More takes longer than others should wait.
bool is_much(const agent_board::amount& a) { return a.records > 250 || a.bytes > (64 << 10); }

// Answers by `f(const agent_board&, response&)`, which holds what it needs: here, or in another thread when it is much.
template <class F> void answer_elsewhere_from_board(const environment& env, deferred to, F f) {
  make_elsewhere(env, std::move(to), [f, board = env.board](response& out) { f(*board, out); });
}
template <class F> void answer_from_board(exchange& x, bool much, F f) {
  if (!much) return f(*x.env.board, x.out);
  x.out.answered = true;
  answer_elsewhere_from_board(x.env, x.defer(), std::move(f));
}

using lister = void (*)(const agent_board&, std::string_view, response&);

void list_filtered(exchange& x, const agent_board::amount& all, lister list) {
  const std::string expression(x.req.param("filter"));
  const bool much = is_laborious(expression) || is_much(all);
  answer_from_board(x, much, [list, expression](const agent_board& board, response& out) { list(board, expression, out); });
}

void list_services(const agent_board& board, std::string_view expression, response& out) {
  filter f;
  if (!filter_of<node_service>(expression, out, f)) return;
  std::string body = "{";
  for (auto& s : board.services()) {
    if (!f.matches(*s)) continue;
    if (body.size() > 1) body += ',';
    json_writer::append_string(body, s->id);
    body += ':';
    agent_service_json(body, *s);
  }
  out.json(std::move(body += '}'));
}

void list_checks(const agent_board& board, std::string_view expression, response& out) {
  filter f;
  if (!filter_of<health_check>(expression, out, f)) {
    // Here Consul tells the bare reason.
    constexpr std::string_view preamble = "Failed to create boolean expression evaluator: ";
    if (out.body.starts_with(preamble)) out.body.erase(0, preamble.size());
    return;
  }
  auto w = out.begin_json();
  w.begin_object();
  for (auto& c : board.checks())
    if (f.matches(*c)) {
      w.key(c->check_id);
      check_json(w, *c);
    }
  w.end_object();
}

} // namespace

void agent_services(exchange& x) { list_filtered(x, x.env.board->much_services(), list_services); }
void agent_checks(exchange& x) { list_filtered(x, x.env.board->much_checks(), list_checks); }

namespace {

constexpr nanos longest_ask = std::chrono::seconds(10); // how long the agent keeps who waited for a client that has gone

// A GET of a service that waits until it looks different. In the loop's thread only.
struct service_wait {
  deferred later;
  const environment& env;
  std::string id, hash;
  net::io_loop::clock::time_point until;
};

void tell_or_wait(std::shared_ptr<service_wait> w) {
  using clock = net::io_loop::clock;
  if (!w->later.alive()) return;
  const auto asked_until = std::min(w->until, clock::now() + longest_ask);
  auto* self = w->env.self.get();
  self->request(w->env.agent, caf::infinite, service_watch{w->id, w->hash, asked_until - clock::now()})
      .then([w, asked_until](const agent_done&) {
        // Before that: it has changed, or the agent keeps no more of them.
        if (const auto now = clock::now(); now >= asked_until && now < w->until) return tell_or_wait(w);
        auto write = [id = w->id](const agent_board& board, response& out) { write_service(out, board, id); };
        if (is_much(w->env.board->much_of(w->id))) answer_elsewhere_from_board(w->env, w->later, write);
        else w->later.answer([&](response& out) { write(*w->env.board, out); });
      }, [w](const caf::error&) { w->later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

} // namespace

void agent_service(exchange& x) {
  std::string id(x.req.tail), hash(x.req.param("hash"));
  if (hash.empty() || !x.env.board->service(id))
    return answer_from_board(x, is_much(x.env.board->much_of(id)), [id](const agent_board& board, response& out) { write_service(out, board, id); });
  nanos wait = x.env.config.default_query_time;
  if (const auto asked = x.req.param("wait"); !asked.empty()) {
    auto parsed = parse_duration(asked);
    if (!parsed) return x.out.text(400, "Invalid wait time");
    wait = std::min(*parsed, x.env.config.max_query_time);
  }
  tell_or_wait(std::make_shared<service_wait>(
      service_wait{x.defer_until_change(), x.env, id, std::move(hash), net::io_loop::clock::now() + wait}));
}

namespace {

void health_of_id(const agent_board& board, const std::string& id, bool as_text, response& out) {
  auto s = board.service(id);
  if (!s) return answer_unknown(out, as_text, "ServiceId " + id + " not found", true);
  const auto checks = board.checks_for(id);
  const std::string_view status = worst_of(checks);
  std::string body;
  if (!as_text) service_health_json(body, *s, status, checks);
  answer_health(out, as_text, code_of(status), status, std::move(body));
}

void health_of_name(const agent_board& board, const std::string& name, bool as_text, response& out) {
  std::string body = "[";
  std::string_view worst = health_passing;
  bool any = false;
  for (auto& s : board.services()) {
    if (s->service != name) continue;
    const auto checks = board.checks_for(s->id);
    const std::string_view status = worst_of(checks);
    if (rank(status) > rank(worst)) worst = status;
    if (std::exchange(any, true)) body += ',';
    if (!as_text) service_health_json(body, *s, status, checks);
  }
  if (!any) return answer_unknown(out, as_text, "ServiceName " + name + " Not Found", false);
  answer_health(out, as_text, code_of(worst), worst, std::move(body += ']'));
}

using teller = void (*)(const agent_board&, const std::string&, bool as_text, response&);

void tell_health(exchange& x, const agent_board::amount& looked_at, teller tell) {
  answer_from_board(x, is_much(looked_at), [tell, of = std::string(x.req.tail), as_text = wants_text(x.req)](const agent_board& board, response& out) {
    tell(board, of, as_text, out);
  });
}

} // namespace

void agent_health_by_id(exchange& x) {
  if (x.req.tail.empty()) return x.out.text(500, "Bad request: Missing serviceID");
  tell_health(x, x.env.board->much_of(std::string(x.req.tail)), health_of_id);
}

void agent_health_by_name(exchange& x) {
  if (x.req.tail.empty()) return x.out.text(500, "Bad request: Missing service Name");
  const auto services = x.env.board->much_services(), checks = x.env.board->much_checks();
  tell_health(x, {services.records + checks.records, services.bytes + checks.bytes}, health_of_name);
}

} // namespace actord::http
