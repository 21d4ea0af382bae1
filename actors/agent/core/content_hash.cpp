#include "actors/agent/core/content_hash.hpp"
#include <fmt/format.h>
#include <bit>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

namespace actord::agent {

namespace {

class fnv {
public:
  void byte(unsigned char c) { h_ = (h_ * 1099511628211ULL) ^ c; }
  void number(uint64_t x) {
    for (int i = 0; i < 8; ++i) byte(static_cast<unsigned char>(x >> (8 * i)));
  }
  uint64_t sum() const { return h_; }

private:
  uint64_t h_ = 14695981039346656037ULL;
};

uint64_t chain(uint64_t a, uint64_t b) {
  fnv h;
  h.number(a);
  h.number(b);
  return h.sum();
}

uint64_t hash(std::string_view text) {
  fnv h;
  for (unsigned char c : text) h.byte(c);
  return h.sum();
}
uint64_t hash(bool x) {
  fnv h;
  h.byte(x);
  return h.sum();
}
uint64_t hash_number(uint64_t x) {
  fnv h;
  h.number(x);
  return h.sum();
}
uint64_t hash(int64_t x) { return hash_number(static_cast<uint64_t>(x)); }
uint64_t hash(const std::string& text) { return hash(std::string_view(text)); }

const uint64_t nothing = hash_number(0);

template <class List, class Hash> uint64_t hash_list(const List& list, Hash one) {
  uint64_t h = 0;
  for (const auto& x : list) h = chain(h, one(x));
  return h;
}

template <class Map, class Hash> uint64_t hash_map(const Map& map, Hash one) {
  uint64_t h = 0;
  for (const auto& [key, x] : map) h ^= chain(hash(key), one(x));
  return h;
}

uint64_t hash_record(std::string_view type, std::initializer_list<std::pair<std::string_view, uint64_t>> fields) {
  uint64_t h = hash(type);
  for (const auto& [name, x] : fields) h ^= chain(hash(name), x);
  return h;
}

// JSON knows one kind of number, which is a double in Go. Registrations are bounded in depth where they are read.
uint64_t hash_free(const free_value& x) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::monostate>) return nothing;
        else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) return hash_number(std::bit_cast<uint64_t>(static_cast<double>(v)));
        else if constexpr (std::is_same_v<T, free_value::list>) return hash_list(v, hash_free);
        else if constexpr (std::is_same_v<T, free_value::object>) return hash_map(v, hash_free);
        else return hash(v);
      },
      x.v);
}

uint64_t hash(const mesh_gateway_config& m) { return hash_record("MeshGatewayConfig", {{"Mode", hash(m.mode)}}); }

uint64_t hash(const proxy_upstream& u) {
  return hash_record("Upstream", {{"DestinationType", hash(u.destination_type)},
                                  {"DestinationNamespace", hash(u.destination_namespace)},
                                  {"DestinationName", hash(u.destination_name)},
                                  {"Datacenter", hash(u.datacenter)},
                                  {"LocalBindAddress", hash(u.local_bind_address)},
                                  {"LocalBindPort", hash(u.local_bind_port)},
                                  {"Config", hash_map(u.config, hash_free)},
                                  {"MeshGateway", hash(u.mesh_gateway)}});
}

uint64_t hash(const expose_path& p) {
  return hash_record("ExposePath", {{"ListenerPort", hash(p.listener_port)},
                                    {"Path", hash(p.path)},
                                    {"LocalPathPort", hash(p.local_path_port)},
                                    {"Protocol", hash(p.protocol)},
                                    {"ParsedFromCheck", hash(p.parsed_from_check)}});
}

uint64_t hash(const expose_config& e) {
  return hash_record("ExposeConfig", {{"Checks", hash(e.checks)}, {"Paths", hash_list(e.paths, [](auto& p) { return hash(p); })}});
}

uint64_t hash(const connect_proxy_config& p) {
  return hash_record("AgentServiceConnectProxyConfig", {{"DestinationServiceName", hash(p.destination_service_name)},
                                                        {"DestinationServiceID", hash(p.destination_service_id)},
                                                        {"LocalServiceAddress", hash(p.local_service_address)},
                                                        {"LocalServicePort", hash(p.local_service_port)},
                                                        {"Config", hash_map(p.config, hash_free)},
                                                        {"Upstreams", hash_list(p.upstreams, [](auto& u) { return hash(u); })},
                                                        {"MeshGateway", hash(p.mesh_gateway)},
                                                        {"Expose", hash(p.expose)}});
}

uint64_t hash(const service_weights& w) {
  return hash_record("AgentWeights", {{"Passing", hash(w.passing)}, {"Warning", hash(w.warning)}});
}

uint64_t hash(const service_address& a) {
  return hash_record("ServiceAddress", {{"Address", hash(a.address)}, {"Port", hash(a.port)}});
}

} // namespace

std::string content_hash(const node_service& s) {
  auto text = [](const std::string& x) { return hash(x); };
  const uint64_t native = hash_record("AgentServiceConnect", {{"Native", hash(true)}, {"SidecarService", nothing}});
  const uint64_t h = hash_record("AgentService", {{"Kind", hash(s.kind)},
                                                  {"ID", hash(s.id)},
                                                  {"Service", hash(s.service)},
                                                  {"Tags", hash_list(s.tags, text)},
                                                  {"Meta", hash_map(s.meta, text)},
                                                  {"Port", hash(s.port)},
                                                  {"Address", hash(s.address)},
                                                  {"TaggedAddresses", hash_map(s.tagged_addresses, [](auto& a) { return hash(a); })},
                                                  {"Weights", hash(s.weights ? *s.weights : service_weights{})},
                                                  {"EnableTagOverride", hash(s.enable_tag_override)},
                                                  {"CreateIndex", nothing},
                                                  {"ModifyIndex", nothing},
                                                  {"ContentHash", hash(std::string_view())},
                                                  {"Proxy", s.kind.empty() ? nothing : hash(s.proxy)},
                                                  {"Connect", s.connect.native ? native : nothing}});
  return fmt::format("{:x}", h);
}

} // namespace actord::agent
