#include "api/endpoints/query.hpp"
#include "api/endpoints/selection.hpp"
#include "runtime/base/prng.hpp"
#include "storage/command/query_rules.hpp"
#include <algorithm>
#include <random>

namespace actord::endpoints::query {
namespace {

constexpr std::string_view near_agent = "_agent", near_address = "_ip";
constexpr size_t nearest_of_all = 10; // among so many the node that is asked for comes first

bool is_healthy(bool only_passing, const text_view_set& ignored, const check_service_node& n) {
  return std::all_of(n.checks.begin(), n.checks.end(), [&](const health_check& c) {
    return c.status == health_passing || (c.status != health_critical && !only_passing) || ignored.contains(c.check_id);
  });
}

void shuffle(list_of<check_service_node>& nodes) {
  thread_local prng dice(std::random_device{}());
  std::shuffle(nodes.begin(), nodes.end(), dice);
}

std::vector<check_service_node> matching(const query_service& s, bool connect, look& at) {
  query_meta once; // nobody waits for it
  auto found = at.view.service_instances(s.service, once, connect);
  const tag_choice tags(s.tags);
  const text_view_set ignored(s.ignore_check_i_ds.begin(), s.ignore_check_i_ds.end());
  std::erase_if(found, [&](auto& n) {
    return !is_healthy(s.only_passing, ignored, n) || !has_node_meta(s.node_meta, n.node.meta) || !has_node_meta(s.service_meta, n.service.meta) || !tags.takes(n.service.tags);
  });
  return found;
}

void look_up(const prepared_query& q, bool connect, const std::string& datacenter, look& at, rpc::query_execute_reply& to) {
  const auto& s = q.service;
  auto found = matching(s, s.connect || connect, at);
  to.nodes.assign(std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  to.nodes.set = true;
  to.service = s.service;
  to.dns = q.dns;
  to.datacenter = datacenter;
  shuffle(to.nodes);
}

void cut(int64_t limit, list_of<check_service_node>& nodes) {
  if (limit > 0 && nodes.size() > static_cast<size_t>(limit)) nodes.resize(static_cast<size_t>(limit));
}

// Near which node the answer is to be sorted: what the caller says, else what the query says.
rpc::query_source source_of(const rpc::query_execute_request& r, const prepared_query& q, look& at) {
  auto out = r.source;
  if (out.datacenter.empty()) out.datacenter = r.agent.datacenter;
  if (out.node.empty()) out.node = q.service.near;
  if (out.node == near_agent) out.node = r.agent.node;
  if (out.node == near_address) {
    out.node.clear();
    query_meta once;
    if (!r.source.ip.empty())
      for (auto& n : at.view.nodes(once))
        if (n.address == r.source.ip) {
          out.node = n.node;
          break;
        }
  }
  return out;
}

void sort_nearest(const rpc::query_source& source, look& at, rpc::query_execute_reply& to) {
  sort_near(source, at.view, to.nodes, [](auto& n) -> std::string_view { return n.node.node; });
  if (source.node.empty() || source.datacenter != to.datacenter) return;
  const auto end = to.nodes.begin() + static_cast<std::ptrdiff_t>(std::min(to.nodes.size(), nearest_of_all));
  const auto its = std::find_if(to.nodes.begin(), end, [&](auto& n) { return n.node.node == source.node; });
  if (its != end) std::iter_swap(to.nodes.begin(), its);
}

status resolve(const rpc::query_execute_request& r, look& at, prepared_query& out) {
  if (r.query.empty()) return error(errc::not_found, std::string(not_found));
  auto found = at.view.resolve_query(r.query, r.agent.segment);
  if (!found) return found.err();
  if (!*found) return error(errc::not_found, std::string(not_found));
  out = std::move(**found);
  return {};
}

status list_all(const rpc::datacenter_request&, look& at, rows<prepared_query>& to) {
  auto all = at.view.queries(at.meta);
  to.take_all(all);
  return {};
}

status find(const rpc::query_get_request& r, look& at, rows<prepared_query>& to) {
  auto found = at.view.query(r.query_id, at.meta);
  if (!found) return found.err();
  if (!*found) return error(errc::not_found, std::string(not_found));
  to.take(std::move(**found));
  return {};
}

// Other datacenters, to which a query may fail over, are none that this one could ask.
status run(const rpc::query_execute_request& r, look& at, rpc::query_execute_reply& to) {
  prepared_query q;
  if (auto s = resolve(r, at, q); !s) return s;
  look_up(q, r.connect, r.datacenter, at, to);
  sort_nearest(source_of(r, q, at), at, to);
  cut(r.limit, to.nodes);
  return {};
}

status run_remote(const rpc::query_execute_remote_request& r, look& at, rpc::query_execute_reply& to) {
  look_up(r.query, r.connect, r.datacenter, at, to);
  cut(r.limit, to.nodes);
  return {};
}

status tell(const rpc::query_execute_request& r, look& at, rpc::query_explain_reply& to) { return resolve(r, at, to.query); }

void sees_found(const authorizer& who, rpc::query_execute_reply& a) {
  std::erase_if(a.nodes, [&](auto& n) { return !sees_instance(who, n); });
}
void sees_explained(const authorizer& who, rpc::query_explain_reply& a) {
  if (!sees_query(who, a.query)) a.query = {};
}

// Whose query it is that is deleted tells the state only.
bool may_change(const authorizer& who, const query_request& r) { return who.allows(access::write, resource::query, r.query ? r.query->name : std::string()); }

status check(query_request& r, draft& d, std::string&) {
  const auto refuse = [](std::string text) -> status { return error(errc::internal, std::move(text)); };
  if (!r.query) r.query.emplace();
  if (r.op != query_create && r.op != query_update && r.op != query_delete) return refuse("Unknown prepared query operation: " + r.op);
  if (r.op == query_delete) return {};
  if (r.op == query_create && !r.query->id.empty()) return refuse("ID must be empty when creating a new prepared query");
  if (auto fine = check_query(*r.query); !fine) return refuse("Invalid prepared query: " + fine.err().text);
  if (r.op == query_update) return {};
  auto id = d.fresh_id();
  if (!id) return id.err();
  r.query->id = *id;
  return {};
}
status tell_id(const apply_result& r, std::string& to) { return to = r.body, status(); }

} // namespace

instances_found find_instances(const query_service& s, std::string_view near, look& at) {
  instances_found out{matching(s, s.connect, at), {}};
  auto& found = out.nodes;
  query_meta once;
  const coordinate::proximity seen_from(near, near.empty() ? std::vector<coordinate_record>{} : at.view.coordinates({}, once));
  if (seen_from.known()) {
    const auto name_of = [](auto& n) -> std::string_view { return n.node.node; };
    coordinate::sort_by_distance(found, seen_from, name_of);
    for (uint32_t i = 1; i < found.size(); ++i)
      if (seen_from.rtt(name_of(found[i - 1])) != seen_from.rtt(name_of(found[i]))) out.ties.push_back(i);
    out.ties.push_back(static_cast<uint32_t>(found.size()));
  }
  return out;
}

constinit const read_endpoint<rpc::datacenter_request, rows<prepared_query>> list{
    .name = "PreparedQuery.List", .field = "Queries", .may = anybody_may<rpc::datacenter_request>, .sees = sees_query, .run = list_all};
constinit const read_endpoint<rpc::query_get_request, rows<prepared_query>> get{
    .name = "PreparedQuery.Get", .field = "Queries", .may = anybody_may<rpc::query_get_request>, .sees = sees_query, .run = find};
constinit const read_endpoint<rpc::query_execute_request, rpc::query_execute_reply> execute{
    .name = "PreparedQuery.Execute", .may = anybody_may<rpc::query_execute_request>, .sees = sees_found, .run = run, .waits = false};
constinit const read_endpoint<rpc::query_execute_request, rpc::query_explain_reply> explain{
    .name = "PreparedQuery.Explain", .may = anybody_may<rpc::query_execute_request>, .sees = sees_explained, .run = tell, .waits = false};
constinit const read_endpoint<rpc::query_execute_remote_request, rpc::query_execute_reply> execute_remote{
    .name = "PreparedQuery.ExecuteRemote", .may = anybody_may<rpc::query_execute_remote_request>, .sees = sees_found, .run = run_remote, .waits = false};
constinit const write_endpoint<query_request, std::string> apply{
    .name = "PreparedQuery.Apply", .command = command_kind::prepared_query, .may = may_change, .prepare = check, .tell = tell_id};

} // namespace actord::endpoints::query
