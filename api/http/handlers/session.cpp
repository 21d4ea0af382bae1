// /v1/session/: create, destroy, renew; one, those of a node, all. What Consul checks before it proposes is checked here.
#include "api/endpoints/session.hpp"
#include "api/http/body_work.hpp"
#include "api/http/handlers/writes.hpp"
#include "api/http/read.hpp"
#include "api/http/routes.hpp"
#include "runtime/config/loader.hpp"
#include "storage/command/commands.hpp"
#include "storage/command/session_rules.hpp"

namespace actord::http {
namespace {

constexpr std::string_view serf_check = "serfHealth";
constexpr nanos seconds_below{1000}; // a lock delay of fewer nanoseconds was meant in seconds

// What a client may say of a session; unknown names are ignored here, as Consul's own decoder of sessions does.
struct session_body {
  session_record session;
  free_value lock_delay;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("LockDelay", s.lock_delay);
    session_record::fields([&](std::string_view name, auto& member, const attr& a = {}) {
      if (name != "LockDelay") v(name, member, a);
    }, s.session);
  }
};

status take_lock_delay(const free_value& given, nanos& out) {
  nanos d{0};
  if (auto* text = std::get_if<std::string>(&given.v)) {
    auto parsed = parse_duration(*text);
    if (!parsed) return parsed.err();
    d = *parsed;
  } else if (auto* real = std::get_if<double>(&given.v)) d = nanos(static_cast<int64_t>(*real));
  else if (auto* whole = std::get_if<int64_t>(&given.v)) d = nanos(*whole);
  else if (auto* big = std::get_if<uint64_t>(&given.v)) d = nanos(static_cast<int64_t>(*big));
  out = d < seconds_below ? std::chrono::nanoseconds(std::chrono::seconds(d.count())) : d;
  return {};
}

// A list that is said to be empty takes the other spelling's default away, and the default of the old spelling is dropped
// (Consul's fixupEmptySessionChecks).
void settle_checks(session_record& s) {
  if (s.checks.empty()) {
    s.node_checks = {};
    s.node_checks.set = true;
    s.checks = {};
  } else if (s.node_checks.empty()) s.checks = {};
  else if (s.checks.size() == 1 && s.checks[0] == serf_check) s.checks = {};
}

status decode_session(std::string_view text, session_body& body) {
  auto doc = json_document::parse(text);
  if (!doc) return doc.err();
  json_options lax;
  lax.allow_unknown = true;
  if (auto s = json_decode(doc->root(), body, {}, lax); !s) return s;
  if (!doc->root().IsObject()) return {};
  for (auto& m : doc->root().GetObject()) {
    std::string_view name(m.name.GetString(), m.name.GetStringLength());
    if (equal_fold(name, "LockDelay") && !m.value.IsNull())
      if (auto s = take_lock_delay(body.lock_delay, body.session.lock_delay); !s) return s;
    if (!m.value.IsNull()) continue;
    if (equal_fold(name, "Checks")) body.session.checks = {}; // null is an empty list to Go
    if (equal_fold(name, "NodeChecks")) body.session.node_checks = {};
  }
  return {};
}

struct new_session {
  status decoded, fine, named;
  std::string command;
};

new_session session_of(std::string_view text, const node_config& config) {
  new_session out;
  session_body body;
  auto& s = body.session;
  s.node = config.node_name;
  s.node_checks = {std::string(serf_check)};
  s.checks = {std::string(serf_check)};
  s.lock_delay = std::chrono::seconds(15);
  s.behavior = session_behavior_release;
  if (!text.empty()) out.decoded = decode_session(text, body);
  if (!out.decoded) return out;
  settle_checks(s);
  out.fine = check_new_session(s, config.session_ttl_min);
  if (!out.fine) return out;
  auto id = fresh_uuid();
  if (!id) return out.named = id.err(), out;
  s.id = *id;
  out.command = encode_command(command_kind::session, session_request{config.datacenter, std::string(session_create), s, ""});
  return out;
}

void say_true(const apply_result&, response& out) { out.json("true"); }

void renewed(const apply_result& r, response& out) {
  session_record s;
  if (!r.value) return out.text(404, "Session id '" + r.body + "' not found");
  if (!from_msgpack(r.body, s)) return out.text(500, "the leader's answer could not be read");
  auto w = out.begin_json();
  w.begin_array();
  json_encode(w, s);
  w.end_array();
}

constexpr answer_style told{.send_consistency = false, .honours_cached = false, .meta_on_error = true, .plain = false};
using sessions = json_list<session_record>;

} // namespace

void session_create_endpoint(exchange& x) {
  with_body(x, [&config = x.env.config](std::string_view body) { return session_of(body, config); }, [](exchange& y, new_session& n) {
    if (!n.decoded) return y.out.text(400, "Request decode failed: " + n.decoded.err().text);
    if (!may_write(y)) return;
    if (!n.fine) return y.out.fail({n.fine.err().code, as_leader(y.env, n.fine.err().text)});
    if (!n.named) return y.out.fail(n.named.err());
    y.propose(std::move(n.command), say_id);
  });
}

void session_destroy_endpoint(exchange& x) {
  if (x.req.tail.empty()) return x.out.text(400, "Missing session");
  if (!may_write(x)) return;
  session_request r;
  r.datacenter = x.env.config.datacenter;
  r.op = session_destroy;
  r.session.id = x.req.tail;
  x.propose(encode_command(command_kind::session, r), say_true);
}

void session_renew_endpoint(exchange& x) {
  if (x.req.tail.empty()) return x.out.text(400, "Missing session");
  if (may_write(x)) x.propose(encode_command(command_kind::session_renew, session_renewal{std::string(x.req.tail)}), renewed);
}

void session_info(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  if (x.req.tail.empty()) return x.out.text(400, "Missing session");
  auto q = arguments_of<rpc::session_request>(x, o);
  q.session = q.session_id = x.req.tail; // in both spellings
  x.read(bind<endpoints::session::get>(told, std::move(q), sessions{}), o);
}

void session_node(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  if (x.req.tail.empty()) return x.out.text(400, "Missing node name");
  auto q = arguments_of<rpc::node_request>(x, o);
  q.node = x.req.tail;
  x.read(bind<endpoints::session::of_node>(told, std::move(q), sessions{}), o);
}

void session_list(exchange& x) {
  query_options o;
  if (x.options(o)) x.read(bind<endpoints::session::list>(told, arguments_of<rpc::session_request>(x, o), sessions{}), o);
}

} // namespace actord::http
