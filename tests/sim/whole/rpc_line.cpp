#include "tests/sim/whole/rpc_line.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/client_messages.hpp"
#include "tests/sim/whole/client_node.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace actord::sim::whole {

namespace {

struct line_state {
  static inline const char* name = "rpc-client";
  using pointer = line_handle::stateful_pointer<line_state>;
  explicit line_state(pointer p) : self(p) {}

  struct outstanding {
    rpc_call what;
    caf::typed_response_promise<rpc_answer> promise;
    rpc::retries tries;
    std::string address;
  };

  nanos now() const { return std::chrono::duration_cast<nanos>(self->clock().now().time_since_epoch()); }

  void begin(line_setup s, std::shared_ptr<outside> o) {
    setup = std::move(s);
    world = std::move(o);
    random = prng(setup.seed);
    servers = rpc::route(prng(setup.seed + 1));
  }

  caf::result<rpc_answer> ask(rpc_call& m) {
    if (servers.size() == 0) return rpc_answer{{errc::no_leader, "No known Consul servers"}, {}};
    const auto id = ++last;
    auto promise = self->make_response_promise<rpc_answer>();
    calls.emplace(id, outstanding{std::move(m), promise, rpc::retries({setup.hold}, m.reads, now()), {}});
    attempt(id);
    return promise;
  }

  void attempt(uint64_t id) {
    const auto at = calls.find(id);
    if (at == calls.end()) return;
    const auto* to = servers.first_but(at->second.tries.tried());
    if (to == nullptr) return finish(id, {{errc::no_leader, "No known Consul servers"}, {}});
    at->second.address = to->address;
    if (world->self) world->world->call(static_cast<client_node&>(*world->self), id, to->address, at->second.what);
  }

  void ended(line_ended& e) {
    const auto at = calls.find(e.id);
    if (at == calls.end()) return;
    auto& c = at->second;
    const bool answered = e.how == rpc::attempt::answered;
    if (!answered || !e.refusal.empty()) servers.failed(c.address);
    if (auto delay = c.tries.after(e.how, e.refusal, c.address, servers.size(), now(), random))
      if (servers.size() > 0 || answered) return self->delayed_send(self, *delay, line_again{e.id});
    rpc_answer a;
    a.body = std::move(e.body);
    if (answered && !e.refusal.empty()) a.failure = {e.refusal.find("No cluster leader") != e.refusal.npos ? errc::no_leader : errc::internal, "rpc error making call: " + e.refusal};
    if (!answered) a.failure = {e.how != rpc::attempt::not_sent && !c.what.reads ? errc::unknown_outcome : errc::internal, "rpc error making call: EOF"};
    finish(e.id, std::move(a));
  }

  void finish(uint64_t id, rpc_answer a) {
    auto node = calls.extract(id);
    node.mapped().promise.deliver(std::move(a));
  }

  void news(const pool_news& n) {
    bool came = false, leads = false;
    for (auto& e : n.members) {
      auto server = rpc::server_in(e.who, setup.datacenter);
      if (!server) continue;
      const bool here = e.change == members::member_change::join || e.change == members::member_change::update;
      if (here && e.who.status == members::member_status::alive) came |= servers.add(*server);
      else if (!here) servers.remove(server->name);
    }
    setup.status->known_leader.store(servers.size() > 0);
    for (auto& e : n.events) leads |= e.name == "consul:new-leader";
    if ((came || leads) && *setup.agent) caf::anon_send(*setup.agent, agent_ticked{agent_compares_soon});
  }

  pointer self;
  line_setup setup;
  std::shared_ptr<outside> world;
  prng random{1};
  rpc::route servers{prng(1)};
  std::map<uint64_t, outstanding> calls;
  uint64_t last = 0;
};

line_handle::behavior_type line_behavior(line_state::pointer self, line_setup setup, std::shared_ptr<outside> o) {
  auto* s = &self->state;
  s->begin(std::move(setup), std::move(o));
  return {
      [s](rpc_call& m) { return s->ask(m); },
      [s](const pool_news& n) { s->news(n); },
      [s](line_ended& e) { s->ended(e); },
      [s](line_again a) { s->attempt(a.id); },
  };
}

} // namespace

line_handle spawn_line(caf::actor_system& system, line_setup setup, std::shared_ptr<outside> o) {
  return system.spawn(line_behavior, std::move(setup), std::move(o));
}

} // namespace actord::sim::whole
