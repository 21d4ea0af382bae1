// All methods that read the state: one for each endpoint of the table.
#include "api/consul_rpc/methods.hpp"
#include "api/consul_rpc/reads.hpp"
#include "api/endpoints/table.hpp"
#include <vector>

namespace actord::consul_rpc {

std::span<const method> read_methods() {
  static const auto rows = [] {
    std::vector<method> all;
    endpoints::reads::each([&]<const auto& Endpoint>() { all.push_back({Endpoint.name, reads<Endpoint>}); });
    return all;
  }();
  return rows;
}

} // namespace actord::consul_rpc
