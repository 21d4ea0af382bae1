// /v1/session/: create, destroy, renew; one, those of a node, all.
#include "api/endpoints/session.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"

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
  status decoded;
  checked_change<endpoints::session::apply> change;
};

// `r`: a request of everything but the session.
new_session session_of(std::string_view text, const environment& env, session_request r) {
  new_session out;
  session_body body;
  auto& s = body.session;
  s.node = env.config.node_name;
  s.node_checks = {std::string(serf_check)};
  s.checks = {std::string(serf_check)};
  s.lock_delay = std::chrono::seconds(15);
  s.behavior = session_behavior_release;
  if (!text.empty()) out.decoded = decode_session(text, body);
  if (!out.decoded) return out;
  settle_checks(s);
  r.op = session_create;
  r.session = std::move(s);
  out.change = check<endpoints::session::apply>(env, std::move(r));
  return out;
}

void show_renewed(const rpc::sessions_reply& r, std::string_view id, response& out) {
  if (r.sessions.empty()) return out.text(404, "Session id '" + std::string(id) + "' not found");
  out.json_of(r.sessions);
}

constexpr answer_style told{.send_consistency = false, .honours_cached = false, .meta_on_error = true, .plain = false};
using sessions = json_list<session_record>;

} // namespace

void session_create_endpoint(exchange& x) {
  query_options o;
  response bad; // what is wrong with the options is said when the body is fine
  (void)parse_query_options(x.req, o, bad);
  with_body(x, [&env = x.env, r = arguments_of<session_request>(x, o)](std::string_view body) { return session_of(body, env, r); }, [](exchange& y, new_session& n) {
    if (!n.decoded) return y.out.text(400, "Request decode failed: " + n.decoded.err().text);
    query_options fine;
    if (y.options(fine)) propose<endpoints::session::apply, show_id>(y, n.change);
  });
}

void session_destroy_endpoint(exchange& x) {
  if (x.req.tail.empty()) return x.out.text(400, "Missing session");
  query_options o;
  if (!x.options(o)) return;
  auto r = arguments_of<session_request>(x, o);
  r.op = session_destroy;
  r.session.id = x.req.tail;
  write<endpoints::session::apply, show_true<std::string>>(x, std::move(r));
}

void session_renew_endpoint(exchange& x) {
  if (x.req.tail.empty()) return x.out.text(400, "Missing session");
  query_options o;
  if (!x.options(o)) return;
  auto q = arguments_of<rpc::session_request>(x, o);
  q.session = q.session_id = x.req.tail; // in both spellings
  write<endpoints::session::renew, show_renewed>(x, std::move(q), x.req.tail);
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
