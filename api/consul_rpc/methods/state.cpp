// All methods that read or change the state: one for each endpoint of the table.
#include "api/consul_rpc/methods.hpp"
#include "api/consul_rpc/reads.hpp"
#include "api/dispatch/writes.hpp"
#include "api/endpoints/table.hpp"
#include "storage/command/txn_weight.hpp"
#include <algorithm>
#include <vector>

namespace actord::consul_rpc {
namespace {

// Client agents of any version let through at most so many operations (1.8: 64). They are counted before anything is made of them.
constexpr size_t most_operations = 128;

size_t announced_operations(std::string_view arguments) {
  msgpack_reader r(arguments);
  size_t most = 0; // a name may come twice
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    if (r.raw() != "Ops") {
      r.skip();
      continue;
    }
    auto left = r.array();
    for (most = std::max(most, left); left > 0 && r.ok(); --left) r.skip();
  }
  return most;
}

// ---- changes -------------------------------------------------------------------------------------------------------

// What a transaction read may be work to encode, for another thread.
bool say_elsewhere(call& c, const apply_result& r) {
  constexpr size_t long_answer = 64 << 10; // bytes
  const auto bytes = r.txn ? weight_of_results(*r.txn) : 0;
  if (bytes <= long_answer) return false;
  rpc::read_options any;
  any.allow_stale = true;
  c.read(any, [t = r.txn, bytes](look& at, const std::function<bool()>& wanted) -> status {
    if (!bounded_read::stops_at(0, bytes) && wanted()) at.out = to_msgpack(endpoints::txn::shape(*t));
    return {};
  });
  return true;
}

template <const auto& Endpoint> void say(call& c, const apply_result& r) {
  if (say_elsewhere(c, r)) return;
  typename std::remove_cvref_t<decltype(Endpoint)>::answer answer{};
  if (auto told = Endpoint.tell(r, answer); !told) return c.fail(told.err().text);
  c.reply(answer);
}
template <class Answer> void say_nothing(call& c, const apply_result&) { c.reply(Answer{}); }

template <const auto& Endpoint> void changes(call& c) {
  using endpoint = std::remove_cvref_t<decltype(Endpoint)>;
  typename endpoint::arguments args;
  if constexpr (requires { args.ops; })
    if (!has_few_operations(c)) return;
  if (!c.decode(args) || !c.is_local(args.datacenter)) return;
  auto draft = dispatch::draft_of(c.env.config);
  typename endpoint::answer answer{};
  auto command = endpoints::command_of(Endpoint, args, draft, answer);
  if (!command) return c.fail(command.err().text);
  if (draft.answered) return c.reply(answer);
  c.propose(std::move(*command), !Endpoint.conditional || Endpoint.conditional(args) ? say<Endpoint> : say_nothing<typename endpoint::answer>);
}

} // namespace

bool has_few_operations(call& c) {
  const size_t n = announced_operations(c.arguments);
  if (n <= most_operations) return true;
  c.fail("Transaction contains too many operations (" + std::to_string(n) + " > " + std::to_string(most_operations) + ")");
  return false;
}

std::span<const method> state_methods() {
  static const auto rows = [] {
    std::vector<method> all;
    endpoints::reads::each([&]<const auto& Endpoint>() { all.push_back({Endpoint.name, reads<Endpoint>}); });
    endpoints::changes::each([&]<const auto& Endpoint>() { all.push_back({Endpoint.name, changes<Endpoint>}); });
    return all;
  }();
  return rows;
}

} // namespace actord::consul_rpc
