// All methods that ask an actor: one for each endpoint of the table.
#include "api/consul_rpc/methods.hpp"
#include "api/dispatch/questions.hpp"
#include <vector>

namespace actord::consul_rpc {
namespace {

template <const auto& Endpoint> void asks(call& c) {
  using endpoint = std::remove_cvref_t<decltype(Endpoint)>;
  typename endpoint::arguments args;
  if constexpr (!std::is_same_v<typename endpoint::arguments, rpc::nothing>)
    if (!c.decode(args)) return;
  dispatch::carry_out<typename endpoint::arguments, typename endpoint::answer>(Endpoint, c.env, args, [who = c.shared_from_this()](result<typename endpoint::answer> a) {
    if (a) who->reply(*a);
    else who->fail(a.err().text);
  });
}

} // namespace

std::span<const method> question_methods() {
  static const auto rows = [] {
    std::vector<method> all;
    dispatch::questions::each([&]<const auto& Endpoint>() { all.push_back({Endpoint.name, asks<Endpoint>}); });
    return all;
  }();
  return rows;
}

} // namespace actord::consul_rpc
