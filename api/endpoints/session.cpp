#include "api/endpoints/session.hpp"

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

} // namespace

constinit const read_endpoint<rpc::session_request, rows<session_record>> get{
    .name = "Session.Get", .field = "Sessions", .forward = forward_rule::any_server, .may = anybody_may<rpc::session_request>, .sees = sees_session, .run = find};
constinit const read_endpoint<rpc::session_request, rows<session_record>> list{
    .name = "Session.List", .field = "Sessions", .forward = forward_rule::any_server, .may = anybody_may<rpc::session_request>, .sees = sees_session, .run = find_all};
constinit const read_endpoint<rpc::node_request, rows<session_record>> of_node{
    .name = "Session.NodeSessions", .field = "Sessions", .forward = forward_rule::any_server, .may = anybody_may<rpc::node_request>, .sees = sees_session, .run = find_of_node};

} // namespace actord::endpoints::session
