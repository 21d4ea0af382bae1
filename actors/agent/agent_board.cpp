#include "actors/agent/agent_board.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/weight.hpp"
#include <fmt/format.h>

namespace actord {

template <class Record> void agent_board::records<Record>::put(const std::string& id, pointer r, size_t weight) {
  if (auto it = by_id.find(id); it != by_id.end()) {
    bytes -= it->second.second;
    if (!r) by_id.erase(it);
  }
  if (!r) return;
  bytes += weight;
  by_id[id] = {std::move(r), weight};
}

template <class Record> auto agent_board::records<Record>::values() const -> std::vector<pointer> {
  std::vector<pointer> out;
  out.reserve(by_id.size());
  for (auto& [id, x] : by_id) out.push_back(x.first);
  return out;
}

std::vector<agent_board::service_ptr> agent_board::services() const {
  std::shared_lock lock(mutex_);
  return services_.values();
}

std::vector<agent_board::check_ptr> agent_board::checks() const {
  std::shared_lock lock(mutex_);
  return checks_.values();
}

agent_board::service_ptr agent_board::service(const std::string& id) const {
  std::shared_lock lock(mutex_);
  auto it = services_.by_id.find(id);
  return it == services_.by_id.end() ? nullptr : it->second.first;
}

std::vector<agent_board::check_ptr> agent_board::checks_for(const std::string& service_id) const {
  std::shared_lock lock(mutex_);
  std::vector<check_ptr> out;
  for (const std::string_view of : {std::string_view(service_id), std::string_view()})
    if (auto it = by_service_.find(of); it != by_service_.end()) {
      auto some = it->second.values();
      out.insert(out.end(), some.begin(), some.end());
    }
  return out;
}

agent_board::counts agent_board::count() const {
  std::shared_lock lock(mutex_);
  counts n{services_.by_id.size(), checks_.by_id.size(), 0, 0};
  for (auto& [id, c] : checks_.by_id) {
    n.ttl_checks += c.first->type == "ttl";
    n.script_checks += c.first->type == "script";
  }
  return n;
}

agent_board::amount agent_board::much_services() const {
  std::shared_lock lock(mutex_);
  return services_.much();
}

agent_board::amount agent_board::much_checks() const {
  std::shared_lock lock(mutex_);
  return checks_.much();
}

agent_board::amount agent_board::much_of(const std::string& service_id) const {
  std::shared_lock lock(mutex_);
  amount out;
  if (auto it = services_.by_id.find(service_id); it != services_.by_id.end()) out = {1, it->second.second};
  for (const std::string_view of : {std::string_view(service_id), std::string_view()})
    if (auto it = by_service_.find(of); it != by_service_.end()) {
      out.records += it->second.by_id.size();
      out.bytes += it->second.bytes;
    }
  return out;
}

void agent_board::put_service(const std::string& id, service_ptr s) {
  const size_t weight = s ? weight_of(*s) : 0;
  std::unique_lock lock(mutex_);
  services_.put(id, std::move(s), weight);
}

void agent_board::put_check(const std::string& id, check_ptr c) {
  const size_t weight = c ? weight_of(*c) : 0;
  std::unique_lock lock(mutex_);
  if (auto old = checks_.by_id.find(id); old != checks_.by_id.end()) {
    const auto& owner = old->second.first->service_id;
    if (!c || owner != c->service_id)
      if (auto of = by_service_.find(owner); of != by_service_.end()) {
        of->second.put(id, nullptr, 0);
        if (of->second.by_id.empty()) by_service_.erase(of);
      }
  }
  if (c) by_service_[c->service_id].put(id, c, weight);
  checks_.put(id, std::move(c), weight);
}

namespace {

// The agent's API leaves out of an upstream what the catalog shows empty.
struct shown_upstream {
  proxy_upstream of;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("DestinationType", s.of.destination_type, {.omit_empty = true});
    v("DestinationNamespace", s.of.destination_namespace, {.omit_empty = true});
    v("DestinationName", s.of.destination_name);
    v("Datacenter", s.of.datacenter, {.omit_empty = true});
    v("LocalBindAddress", s.of.local_bind_address, {.omit_empty = true});
    v("LocalBindPort", s.of.local_bind_port, {.omit_empty = true});
    v("Config", s.of.config, {.omit_empty = true});
    v("MeshGateway", s.of.mesh_gateway);
  }
};

struct shown_proxy {
  connect_proxy_config of;
  list_of<shown_upstream> upstreams;
  explicit shown_proxy(const connect_proxy_config& p) : of(p) {
    for (auto& u : of.upstreams) upstreams.push_back({std::move(u)});
  }
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("DestinationServiceName", s.of.destination_service_name, {.omit_empty = true});
    v("DestinationServiceID", s.of.destination_service_id, {.omit_empty = true});
    v("LocalServiceAddress", s.of.local_service_address, {.omit_empty = true});
    v("LocalServicePort", s.of.local_service_port, {.omit_empty = true});
    v("Config", s.of.config, {.omit_empty = true});
    v("Upstreams", s.upstreams, {.omit_empty = true});
    v("MeshGateway", s.of.mesh_gateway);
    v("Expose", s.of.expose);
  }
};

} // namespace

void agent_service_json(std::string& out, const node_service& s, std::string_view hash) {
  json_writer w(out);
  auto field = [&](std::string_view name, const auto& x) {
    w.plain_key(name);
    json_encode(w, x);
  };
  w.begin_object();
  if (!s.kind.empty()) field("Kind", s.kind);
  field("ID", s.id);
  field("Service", s.service);
  field("Tags", s.tags.is_nil() ? string_slice(std::vector<std::string>{}) : s.tags);
  w.plain_key("Meta");
  if (s.meta.empty()) w.raw("{}");
  else json_encode(w, s.meta);
  field("Port", s.port);
  field("Address", s.address);
  if (!s.tagged_addresses.empty()) field("TaggedAddresses", s.tagged_addresses);
  field("Weights", s.weights ? *s.weights : service_weights{});
  field("EnableTagOverride", s.enable_tag_override);
  if (!hash.empty()) field("ContentHash", std::string(hash));
  if (!s.kind.empty()) field("Proxy", shown_proxy(s.proxy));
  if (s.connect.native) field("Connect", s.connect);
  w.end_object();
}

std::map<std::string, std::string> agent_board::node_meta() const {
  std::shared_lock lock(mutex_);
  return node_meta_;
}

void agent_board::put_node_meta(std::map<std::string, std::string> meta) {
  std::unique_lock lock(mutex_);
  node_meta_ = std::move(meta);
}

} // namespace actord
