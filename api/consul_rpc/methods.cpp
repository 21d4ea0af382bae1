#include "api/consul_rpc/methods.hpp"
#include <algorithm>
#include <unordered_map>

namespace actord::consul_rpc {

const method* find_method(std::string_view name) {
  static const auto table = [] {
    std::unordered_map<std::string_view, const method*> all;
    for (auto rows : {state_methods(), question_methods(), mesh_methods(), absent_methods()})
      for (auto& m : rows) all.emplace(m.name, &m);
    return all;
  }();
  auto it = table.find(name);
  return it == table.end() ? nullptr : it->second;
}

std::string unknown_method(std::string_view name) {
  static constexpr std::string_view services[] = {"ACL",    "Catalog",  "ConfigEntry",   "ConnectCA", "Coordinate", "DiscoveryChain", "FederationState",
                                                  "Health", "Intention",  "Internal",    "KVS",      "Operator",      "PreparedQuery", "Session", "Status",         "Txn"};
  const auto dot = name.rfind('.');
  if (dot == name.npos) return "rpc: service/method request ill-formed: " + std::string(name);
  const bool known = std::find(std::begin(services), std::end(services), name.substr(0, dot)) != std::end(services);
  return std::string(known ? "rpc: can't find method " : "rpc: can't find service ") + std::string(name);
}

} // namespace actord::consul_rpc
