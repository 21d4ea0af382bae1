#include "api/endpoints/session.hpp"
#include "storage/command/session_rules.hpp"

namespace actord::endpoints::session {

const std::string& id_of(const rpc::session_request& q) { return q.session_id.empty() ? q.session : q.session_id; }

namespace {

status find(const rpc::session_request& q, look& at, rows<session_record>& to) {
  auto found = at.view.session(id_of(q), at.meta);
  if (!found) return found.err();
  if (*found) to.take(std::move(**found));
  return {};
}

status find_of(std::string_view node, look& at, rows<session_record>& to) {
  auto all = at.view.sessions(node, at.meta);
  to.take_all(all);
  return {};
}
status find_all(const rpc::session_request&, look& at, rows<session_record>& to) { return find_of({}, at, to); }
status find_of_node(const rpc::node_request& q, look& at, rows<session_record>& to) { return find_of(q.node, at, to); }

// Whose session it is that ends tells the state only.
bool may_change(const authorizer& who, const session_request& r) { return who.allows(access::write, resource::session, r.session.node); }
bool may_renew(const authorizer& who, const rpc::session_request& q) { return who.allows(access::write, resource::session, id_of(q)); }

status check(session_request& r, draft& d, std::string&) {
  if (r.op != session_create) return r.session.id.empty() ? error(errc::internal, "Must provide ID") : status();
  if (auto fine = check_new_session(r.session, d.least_session_ttl); !fine) return fine;
  auto id = d.fresh_id();
  if (!id) return id.err();
  r.session.id = *id; // whatever the caller had in mind
  return {};
}
status tell_id(const apply_result& r, std::string& to) { return to = r.body, status(); }

status check_nothing(rpc::session_request&, draft&, rpc::sessions_reply&) { return {}; }
std::string encode_renewal(const rpc::session_request& q) { return encode_command(command_kind::session_renew, session_renewal{id_of(q)}); }
status tell_renewed(const apply_result& r, rpc::sessions_reply& to) {
  to.meta.index = r.index;
  to.meta.known_leader = true;
  if (r.value && !from_msgpack(r.body, to.sessions.emplace_back())) return error(errc::internal, "the leader's answer could not be read");
  return {};
}

} // namespace

constinit const read_endpoint<rpc::session_request, rows<session_record>> get{
    .name = "Session.Get", .field = "Sessions", .may = anybody_may<rpc::session_request>, .sees = sees_session, .run = find};
constinit const read_endpoint<rpc::session_request, rows<session_record>> list{
    .name = "Session.List", .field = "Sessions", .may = anybody_may<rpc::session_request>, .sees = sees_session, .run = find_all};
constinit const read_endpoint<rpc::node_request, rows<session_record>> of_node{
    .name = "Session.NodeSessions", .field = "Sessions", .may = anybody_may<rpc::node_request>, .sees = sees_session, .run = find_of_node};
constinit const write_endpoint<session_request, std::string> apply{
    .name = "Session.Apply", .command = command_kind::session, .may = may_change, .prepare = check, .tell = tell_id};
constinit const write_endpoint<rpc::session_request, rpc::sessions_reply> renew{
    .name = "Session.Renew", .command = command_kind::session_renew, .may = may_renew, .prepare = check_nothing, .tell = tell_renewed, .encode = encode_renewal};

} // namespace actord::endpoints::session
