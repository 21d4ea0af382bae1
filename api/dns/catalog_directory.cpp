#include "api/dns/catalog_directory.hpp"
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/query.hpp"
#include <algorithm>

namespace actord::dns {

node_facts facts_of(const node_record& n) {
  node_facts out;
  out.name = n.node;
  if (!append_labels(out.labels, n.node)) out.labels.clear();
  out.address = address_of_text(n.address);
  if (auto v4 = n.tagged_addresses.find("lan_ipv4"); v4 != n.tagged_addresses.end()) out.address.lan_v4 = parse_ip(v4->second);
  if (auto v6 = n.tagged_addresses.find("lan_ipv6"); v6 != n.tagged_addresses.end()) out.address.lan_v6 = parse_ip(v6->second);
  for (auto& [key, value] : n.meta) out.txt.push_back(txt_of_meta(key, value));
  return out;
}

bool endpoint_of(const check_service_node& c, endpoint& out) {
  bool warning = false, odd = false, maintenance = false, critical = false, its_own = false; // its_own: a critical one that counts for the weight
  out.all_passing = true;
  for (auto& check : c.checks) {
    critical = critical || check.status == health_critical;
    if (check.status != health_passing) out.all_passing = false;
    if (!check.service_name.empty() && check.service_name != c.service.service) continue;
    its_own = its_own || check.status == health_critical;
    maintenance = maintenance || check.check_id == "_node_maintenance" || check.check_id.starts_with("_service_maintenance:");
    if (check.status == health_warning) warning = true;
    else if (check.status != health_passing) odd = true;
  }
  const service_weights weights = c.service.weights ? *c.service.weights : service_weights{};
  int64_t weight = maintenance || its_own ? 0 : odd ? 1 : warning ? weights.warning : weights.passing;
  out.weight = static_cast<uint16_t>(std::clamp<int64_t>(weight, 0, 65535));
  out.node = facts_of(c.node);
  out.port = static_cast<uint16_t>(std::clamp<int64_t>(c.service.port, 0, 65535));
  out.address = address_of_text(c.service.address);
  auto& tagged = c.service.tagged_addresses;
  if (auto v4 = tagged.find("lan_ipv4"); v4 != tagged.end()) out.address.lan_v4 = parse_ip(v4->second.address);
  if (auto v6 = tagged.find("lan_ipv6"); v6 != tagged.end()) out.address.lan_v6 = parse_ip(v6->second.address);
  out.tags.assign(c.service.tags.begin(), c.service.tags.end());
  return !critical;
}

directory::found_query found_by_query(const rpc::query_execute_reply& r) {
  directory::found_query out;
  auto list = std::make_shared<std::vector<endpoint>>(r.nodes.size());
  for (size_t i = 0; i < r.nodes.size(); ++i) endpoint_of(r.nodes[i], (*list)[i]);
  out.list = std::move(list);
  out.service = r.service;
  if (auto ttl = parse_duration(r.dns.ttl); ttl && !r.dns.ttl.empty()) out.ttl = static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(*ttl).count());
  return out;
}

rpc::query_execute_request question_of(std::string_view name, const directory::query_source& by) {
  rpc::query_execute_request q;
  q.query = name;
  q.datacenter = q.agent.datacenter = by.datacenter;
  q.agent.node = by.node;
  q.source.ip = by.ip;
  return q;
}

catalog_directory::catalog_directory(state_store& store, std::shared_ptr<const node_status> status)
    : reader_(store), status_(std::move(status)) {}

void catalog_directory::begin_batch() { applied_ = status_->applied.load(std::memory_order_acquire); }

read_view& catalog_directory::view() {
  if (!view_) view_.emplace(reader_.open());
  return *view_;
}

bool catalog_directory::unread() {
  if (!view_ || !view_->failed()) return false;
  view_.reset(); // the next question tries again
  return failed_ = true;
}

bool catalog_directory::can_answer() {
  if (status_->catching_up.load(std::memory_order_relaxed)) return false; // what is missing here is not missing
  return status_->known_leader.load(std::memory_order_relaxed) || (allow_stale_ && applied_ > 0);
}

endpoint_list catalog_directory::instances(std::string_view service, bool connect) {
  auto& known = services_[connect ? 1 : 0];
  auto it = known.find(service);
  if (it != known.end() && it->second.checked == applied_) return it->second.list;
  // Of mesh-capable endpoints the state keeps no index of their own, so that any change makes them be read again.
  uint64_t index = connect ? 0 : view().service_index(service);
  if (unread()) return nullptr;
  if (it != known.end() && !connect && it->second.index == index) {
    it->second.checked = applied_;
    return it->second.list;
  }
  query_meta meta;
  auto read = view().service_instances(service, meta, connect);
  if (unread()) return nullptr;
  auto list = std::make_shared<std::vector<endpoint>>();
  list->reserve(read.size());
  for (auto& c : read)
    if (endpoint e; endpoint_of(c, e)) list->push_back(std::move(e));
  if (it != known.end()) {
    endpoints_ -= it->second.list->size();
  } else {
    if (services_[0].size() + services_[1].size() >= most_names || endpoints_ + list->size() > most_endpoints) {
      services_[0].clear();
      services_[1].clear();
      endpoints_ = 0;
    }
    it = known.emplace(std::string(service), known_instances{}).first;
  }
  endpoints_ += list->size();
  it->second = {list, applied_, index};
  return list;
}

directory::found_query catalog_directory::prepared_query(std::string_view name, const query_source& by) {
  query_meta meta;
  endpoints::look at{view(), meta, endpoints::everything_allowed()};
  rpc::query_execute_reply reply;
  const auto done = endpoints::carry_out(endpoints::query::execute, question_of(name, by), at, reply);
  if (unread() || !done) return {};
  return found_by_query(reply);
}

std::shared_ptr<const node_facts> catalog_directory::node(std::string_view name) {
  auto it = nodes_.find(name);
  if (it != nodes_.end() && it->second.checked == applied_) return it->second.facts;
  query_meta meta;
  auto found = view().node(name, meta);
  if (unread()) return nullptr;
  auto facts = found ? std::make_shared<const node_facts>(facts_of(*found)) : nullptr;
  if (it == nodes_.end()) {
    if (nodes_.size() >= most_names) nodes_.clear();
    it = nodes_.emplace(std::string(name), known_node{}).first;
  }
  it->second = {facts, applied_};
  return facts;
}

std::string catalog_directory::node_of_address(std::string_view address) {
  auto found = view().node_by_address(address);
  return !unread() && found ? found->node : std::string{};
}

std::string catalog_directory::service_of_address(std::string_view address) {
  auto found = view().service_by_address(address);
  return !unread() && found ? found->service_name : std::string{};
}

} // namespace actord::dns
