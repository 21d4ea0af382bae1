// Calls of client agents to servers, over a virtual network. A server does with them what api/consul_rpc does, for the methods that an
// agent's comparison with the catalog and its registrations need.
#include "storage/command/registration_rules.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include "tests/sim/whole/world.hpp"
#include <caf/send.hpp>

namespace actord::sim::whole {

namespace {
constexpr uint64_t answer_timeout = 60 * second; // as in rpc_client_setup
}

void world::call(client_node& from, uint64_t id, const std::string& server, const rpc_call& what) {
  const auto number = next_call_++;
  auto& c = remote_calls_[number];
  c.from = from.slot;
  c.life = from.life;
  c.id = id;
  c.what = what;
  for (uint32_t n = 0; n < most_servers; ++n)
    if (servers_[n].started && !servers_[n].gone && servers_[n].hello.address == server) c.to = n;
  ++result_.calls;
  const auto to = c.to;
  schedule(random_.between(100, 3 * ms), "call", to < most_servers ? to : 0, [this, number, to] {
    const auto at = remote_calls_.find(number);
    if (at == remote_calls_.end()) return;
    const auto asker = at->second.from;
    if (to == most_servers || !servers_[to].up) return end_call(number, rpc::attempt::not_sent, {}, {}); // refused
    if (network_.is_cut(asker, to) || network_.is_cut(to, asker)) // a new connection, or one that turns out to be dead
      return schedule(random_.between(1, 10) * second, "call lost", asker, [this, number, how = random_.chance(0.5) ? rpc::attempt::not_sent : rpc::attempt::lost] { end_call(number, how, {}, {}); });
    at->second.to_life = servers_[to].life;
    visit(to, servers_[to].life, "call", [this, number](node& n) { if (remote_calls_.contains(number)) serve_call(number, n); });
  });
  schedule(answer_timeout, "call late", from.slot, [this, number] { end_call(number, rpc::attempt::timed_out, {}, {}); });
}

void world::serve_call(uint64_t number, node& n) {
  auto& c = remote_calls_.at(number);
  const auto propose = [&](command_kind kind, auto request, auto prepare) {
    if (!from_msgpack(c.what.arguments, request)) return fail("calls: the arguments of " + c.what.method + " do not decode");
    if (auto fault = prepare(request, "dc1"); !fault.empty()) return answer_call(number, std::move(fault), {});
    proposals p;
    p.batch.push_back({first_remote_call + number, encode_command(kind, request)});
    p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
    caf::anon_send(n.raft, std::move(p));
  };
  if (c.what.method == "Catalog.Register") return propose(command_kind::catalog_register, register_request{}, [](auto& r, auto* dc) { return prepare_registration(r, dc); });
  if (c.what.method == "Catalog.Deregister") return propose(command_kind::catalog_deregister, deregister_request{}, [](auto& r, auto* dc) { return prepare_deregistration(r, dc); });
  if (c.what.method != "Catalog.NodeServiceList" && c.what.method != "Health.NodeChecks") return fail("calls: nobody answers " + c.what.method);
  rpc::node_request q;
  if (!from_msgpack(c.what.arguments, q)) return fail("calls: the arguments of " + c.what.method + " do not decode");
  const auto& s = *n.status;
  const bool once_heard = s.leader.load() || s.leader_heard.load() != 0;
  if ((q.options.allow_stale && once_heard && !s.catching_up.load()) || s.sees_everything(n.clock_nanos(), false)) return answer_reads(number, n);
  read_wanted r;
  r.id = first_remote_call + number;
  r.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
  caf::anon_send(n.raft, std::move(r));
}

void world::answer_reads(uint64_t number, node& n) {
  const auto at = remote_calls_.find(number);
  if (at == remote_calls_.end()) return;
  rpc::node_request q;
  (void)from_msgpack(at->second.what.arguments, q);
  auto view = n.views->open();
  query_meta meta;
  rpc::reply_meta about;
  const auto heard = n.status->leader_heard.load();
  about.known_leader = n.status->leader.load() || n.status->known_leader.load();
  if (q.options.allow_stale && !n.status->leader.load() && heard != 0) about.last_contact = nanos(std::max<int64_t>(0, n.clock_nanos() - heard));
  if (at->second.what.method == "Health.NodeChecks") {
    rpc::checks_reply r;
    r.checks = view.checks_of_node(q.node, meta);
    r.meta = about;
    return answer_call(number, {}, to_msgpack(r));
  }
  rpc::node_service_list_reply r;
  if (auto found = view.services_of_node(q.node, meta)) {
    r.found.node = std::move(found->node);
    r.found.services = list_of<node_service>(std::move(found->services));
  }
  r.meta = about;
  answer_call(number, {}, to_msgpack(r));
}

void world::call_settled(uint64_t number, const apply_result& r) {
  if (r.failure.code != errc::none) return answer_call(number, r.failure.text, {});
  answer_call(number, {}, to_msgpack(rpc::nothing{}));
}

void world::answer_call(uint64_t number, std::string refusal, std::string body) {
  const auto at = remote_calls_.find(number);
  if (at == remote_calls_.end()) return;
  const auto from = at->second.from, to = at->second.to;
  schedule(random_.between(100, 3 * ms), "called", from, [this, number, from, to, refusal = std::move(refusal), body = std::move(body)] {
    if (network_.is_cut(to, from) || network_.is_cut(from, to))
      return schedule(random_.between(1, 10) * second, "call lost", from, [this, number] { end_call(number, rpc::attempt::lost, {}, {}); });
    end_call(number, rpc::attempt::answered, refusal, body);
  });
}

void world::end_call(uint64_t number, rpc::attempt how, std::string refusal, std::string body) {
  const auto node = remote_calls_.extract(number);
  if (!node) return;
  const auto& c = node.mapped();
  if (how != rpc::attempt::answered) ++result_.calls_lost;
  enter(c.from, c.life, "called", [this, slot = c.from, e = line_ended{c.id, how, std::move(refusal), std::move(body)}] { caf::anon_send(client_at(slot).up->line, e); });
}

} // namespace actord::sim::whole
