// /v1/query: prepared queries, and what they find.
#include "api/endpoints/query.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"
#include "storage/command/query_rules.hpp"
#include <charconv>

namespace actord::http {
namespace {

constexpr answer_style told{.send_consistency = true, .honours_cached = false, .meta_on_error = true, .plain = false};
constexpr answer_style cached{.send_consistency = true, .honours_cached = true, .meta_on_error = true, .plain = false};
constexpr std::string_view execution = "/execute", explanation = "/explain";

using queries = json_list<prepared_query>;

// The same facts as in the headers stand in the body.
template <class Answer> struct with_meta {
  const node_status* status;
  consistency mode;
  void write(response& out, Answer& a) const {
    a.meta.known_leader = a.meta.known_leader || status->known_leader.load(std::memory_order_relaxed);
    a.meta.consistency_level = consistency_text(mode);
    if constexpr (requires { a.nodes; }) a.nodes.set = true;
    out.json_of(a);
  }
};

query_request request_of(const exchange& x, const query_options& o, std::string_view op, prepared_query q) {
  auto r = arguments_of<query_request>(x, o);
  r.op = op;
  r.query.emplace() = std::move(q);
  return r;
}

void create(exchange& x, decoded_body<prepared_query>& d) {
  query_options o;
  if (!d.outcome) return x.out.text(400, "Request decode failed: " + d.outcome.err().text);
  if (x.options(o)) write<endpoints::query::apply, show_id>(x, request_of(x, o, query_create, std::move(d.record)));
}

void update(exchange& x, decoded_body<prepared_query>& d) {
  query_options o;
  if (!d.outcome) return x.out.text(400, "Request decode failed: " + d.outcome.err().text);
  if (!x.options(o)) return;
  d.record.id = x.req.tail; // whatever the body says
  write<endpoints::query::apply, show_nothing<std::string>>(x, request_of(x, o, query_update, std::move(d.record)));
}

void remove(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  prepared_query q;
  q.id = x.req.tail;
  write<endpoints::query::apply, show_nothing<std::string>>(x, request_of(x, o, query_delete, std::move(q)));
}

void show(exchange& x) {
  query_options o;
  if (!x.options(o, told)) return;
  auto q = arguments_of<rpc::query_get_request>(x, o);
  q.query_id = x.req.tail;
  x.read(bind<endpoints::query::get>(told, std::move(q), queries{}), o);
}

bool read_limit(exchange& x, int64_t& limit) {
  if (!x.req.has_param("limit")) return true;
  const auto text = x.req.param("limit");
  if (text.empty()) return true;
  const auto [end, fault] = std::from_chars(text.data() + (text[0] == '+' ? 1 : 0), text.data() + text.size(), limit);
  if (fault == std::errc{} && end == text.data() + text.size()) return true;
  x.out.text(500, "Bad limit: strconv.Atoi: parsing \"" + std::string(text) + "\": " +
                      (fault == std::errc::result_out_of_range ? "value out of range" : "invalid syntax"));
  return false;
}

bool is_true(exchange& x, std::string_view name) {
  const auto word = x.req.param(name);
  return word == "true" || word == "1" || word == "t" || word == "T" || word == "TRUE" || word == "True";
}

// Who asks, for ?near=_ip: what a proxy says of it, else its address.
std::string address_of(const exchange& x) {
  if (auto said = x.req.header("X-Forwarded-For"); !said.empty()) return std::string(said.substr(0, said.find(',')));
  return std::string(x.req.peer);
}

rpc::query_execute_request execution_of(exchange& x, const query_options& o, std::string_view name) {
  auto q = arguments_of<rpc::query_execute_request>(x, o);
  q.query = name;
  q.connect = is_true(x, "connect");
  q.agent.datacenter = x.env.config.datacenter;
  q.agent.node = x.env.config.node_name;
  if (q.source.node == "_ip") q.source.ip = address_of(x);
  return q;
}

void run(exchange& x, std::string_view name) {
  query_options o;
  if (!x.options(o, cached)) return;
  auto q = execution_of(x, o, name);
  if (!read_limit(x, q.limit)) return;
  x.read(bind<endpoints::query::execute>(cached, std::move(q), with_meta<rpc::query_execute_reply>{&x.env.status, o.mode}), o);
}

void explain(exchange& x, std::string_view name) {
  query_options o;
  if (!x.options(o, told)) return;
  auto q = execution_of(x, o, name);
  if (!read_limit(x, q.limit)) return;
  x.read(bind<endpoints::query::explain>(told, std::move(q), with_meta<rpc::query_explain_reply>{&x.env.status, o.mode}), o);
}

bool only_get(exchange& x) {
  if (x.req.method_verb == verb::get) return true;
  x.out.text(405, "method " + std::string(x.req.method) + " not allowed");
  x.out.header("Allow", "GET");
  return false;
}

} // namespace

void query_general(exchange& x) {
  if (x.req.method_verb == verb::post) return with_record<prepared_query>(x, create);
  query_options o;
  if (x.options(o, told)) x.read(bind<endpoints::query::list>(told, arguments_of<rpc::datacenter_request>(x, o), queries{}), o);
}

void query_specific(exchange& x) {
  const std::string_view tail = x.req.tail;
  if (tail.ends_with(execution)) return only_get(x) ? run(x, tail.substr(0, tail.size() - execution.size())) : void();
  if (tail.ends_with(explanation)) return only_get(x) ? explain(x, tail.substr(0, tail.size() - explanation.size())) : void();
  if (x.req.method_verb == verb::put) return with_record<prepared_query>(x, update);
  if (x.req.method_verb == verb::del) return remove(x);
  show(x);
}

} // namespace actord::http
