#include "actors/rpc/client_router.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace actord {

namespace {

std::string read_arguments(const std::string& datacenter, bool stale) {
  rpc::datacenter_request q;
  q.datacenter = datacenter;
  q.options.allow_stale = stale;
  return to_msgpack(q);
}

void take_configuration(const rpc_answer& a, leader_info& out) {
  rpc::raft_configuration_reply c;
  if (!from_msgpack(a.body, c)) return;
  out.configuration_index = c.index;
  out.servers.clear();
  for (auto& s : c.servers) {
    server_view v;
    v.id = std::move(s.id);
    v.name = std::move(s.node);
    v.address = std::move(s.address);
    v.leader = s.leader;
    v.voter = s.voter;
    if (v.leader) {
      out.leader_id = v.id;
      out.address = v.address;
    }
    out.servers.push_back(std::move(v));
  }
}

class client_router_state;
using router_self = router_handle::stateful_pointer<client_router_state>;

class client_router_state {
public:
  static inline const char* name = "client-router";
  explicit client_router_state(router_self s) : self(s) {}

  caf::result<apply_outcome> change(const membership_change& c);
  caf::result<leader_info> tell(leader_query q);

  rpc_handle rpc;
  std::string datacenter;

private:
  router_self self;
};

caf::result<apply_outcome> client_router_state::change(const membership_change& c) {
  apply_outcome refused;
  if (c.what != membership_change::kind::remove) {
    refused.result.failure = {errc::unsupported, "a client agent cannot add servers"};
    return refused;
  }
  const rpc::raft_remove_request r{datacenter, c.id.empty() ? c.address : "", c.id, {}};
  auto promise = self->make_response_promise<apply_outcome>();
  self->request(rpc, caf::infinite, rpc_call{c.id.empty() ? "Operator.RaftRemovePeerByAddress" : "Operator.RaftRemovePeerByID", to_msgpack(r), nanos(0), false})
      .then([promise](rpc_answer& a) mutable {
        apply_outcome o;
        o.result.failure = std::move(a.failure);
        promise.deliver(std::move(o));
      }, [promise](caf::error& e) mutable { promise.deliver(std::move(e)); });
  return promise;
}

// Of the leader one call tells all. Otherwise what any server knows, which needs no permission; names come on top of that
// when they may be read.
caf::result<leader_info> client_router_state::tell(leader_query q) {
  auto promise = self->make_response_promise<leader_info>();
  auto failed = [promise](caf::error& e) mutable { promise.deliver(std::move(e)); };
  auto ask = [this](const char* method, bool stale) {
    return self->request(rpc, caf::infinite, rpc_call{method, read_arguments(datacenter, stale), nanos(0), true});
  };
  if (q.ask_leader) {
    ask("Operator.RaftGetConfiguration", false).then([promise](const rpc_answer& a) mutable {
      leader_info info;
      if (a.failure.code == errc::none) take_configuration(a, info);
      promise.deliver(std::move(info));
    }, failed);
    return promise;
  }
  auto info = std::make_shared<leader_info>();
  auto left = std::make_shared<int>(3);
  auto reached = std::make_shared<bool>(false);
  auto one = [promise, info, left, reached]() mutable {
    if (--*left > 0) return;
    if (*reached) promise.deliver(std::move(*info));
    else promise.deliver(caf::make_error(caf::sec::runtime_error, "no server was reached"));
  };
  ask("Status.Leader", true).then([info, one, reached](const rpc_answer& a) mutable {
    msgpack_reader r(a.body);
    if (a.failure.code == errc::none) info->address.assign(r.raw()), *reached = true;
    one();
  }, failed);
  ask("Status.Peers", true).then([info, one, reached](const rpc_answer& a) mutable {
    string_slice peers;
    if (a.failure.code == errc::none && from_msgpack(a.body, peers)) {
      *reached = true;
      info->peers.assign(peers.begin(), peers.end());
      if (info->servers.empty())
        for (auto& p : peers) info->servers.emplace_back().address = p;
    }
    one();
  }, failed);
  ask("Operator.RaftGetConfiguration", true).then([info, one](const rpc_answer& a) mutable {
    const auto leader = info->address;
    if (a.failure.code == errc::none) take_configuration(a, *info);
    if (!leader.empty()) info->address = leader;
    one();
  }, failed);
  return promise;
}

router_handle::behavior_type router_behavior(router_self self, rpc_handle rpc, std::string datacenter) {
  auto* s = &self->state;
  s->rpc = std::move(rpc);
  s->datacenter = std::move(datacenter);
  return {
      [](const proposals&) {}, // nobody: changes are calls
      [](const read_wanted& m) { // nobody asks: reads are calls
        caf::anon_send(caf::actor_cast<caf::actor>(m.reply_to), reads_allowed{{m.id}, {}});
      },
      [s](const membership_change& m) { return s->change(m); },
      [](const leadership_transfer&) {
        apply_outcome o;
        o.result.failure = {errc::unsupported, "leadership is transferred by a server: send the request to one"};
        return o;
      },
      [](const propose_one&) {
        apply_outcome o;
        o.result.failure = {errc::unsupported, "a client agent has nothing replicated"};
        return o;
      },
      [s](leader_query q) { return s->tell(q); },
  };
}

} // namespace

router_handle spawn_client_router(caf::actor_system& system, rpc_handle rpc, std::string datacenter) {
  return system.spawn(router_behavior, std::move(rpc), std::move(datacenter));
}

} // namespace actord
