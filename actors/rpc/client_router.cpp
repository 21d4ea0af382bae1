#include "actors/rpc/client_router.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/table.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include "storage/state/read_view.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>

namespace actord {

namespace {

constexpr size_t most_calls = 128; // under way at a time

std::string read_arguments(const std::string& datacenter, bool stale) {
  std::string out;
  msgpack_writer w(out);
  w.map(2);
  w.raw("AllowStale"), w.boolean(stale);
  w.raw("Datacenter"), w.raw(datacenter);
  return out;
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

  void propose(proposals& m) {
    for (auto& p : m.batch) waiting_.push_back({p.id, std::move(p.command), m.reply_to, {}, {}});
    go_on();
  }
  caf::result<apply_outcome> propose(propose_one& m) {
    auto promise = self->make_response_promise<apply_outcome>();
    waiting_.push_back({0, std::move(m.command), nullptr, promise, {}});
    go_on();
    return promise;
  }
  caf::result<apply_outcome> change(const membership_change& c);
  caf::result<leader_info> tell(leader_query q);

  rpc_handle rpc;
  std::string datacenter;

private:
  struct command {
    uint64_t id;
    std::string bytes;
    caf::strong_actor_ptr reply_to;
    caf::typed_response_promise<apply_outcome> promise;
    command_call what;
  };
  void go_on() {
    while (under_way_ < most_calls && !waiting_.empty()) {
      auto c = std::make_shared<command>(std::move(waiting_.front()));
      waiting_.pop_front();
      c->what = call_of_command(std::exchange(c->bytes, {}), datacenter);
      if (c->what.call.method.empty()) {
        done(*c, {{errc::unsupported, "a client agent cannot send this command"}, {}});
        continue;
      }
      ++under_way_;
      self->request(rpc, caf::infinite, std::move(c->what.call))
          .then([this, c](const rpc_answer& a) { --under_way_, done(*c, a), go_on(); },
                [this, c](const caf::error&) { --under_way_, done(*c, {{errc::internal, "agent is stopping"}, {}}), go_on(); });
    }
  }
  void done(command& c, const rpc_answer& a) {
    auto result = result_of_reply(c.what, a);
    if (!c.reply_to) {
      c.promise.deliver(apply_outcome{std::move(result)});
      return;
    }
    proposals_done d;
    d.outcomes.push_back({c.id, std::move(result)});
    caf::anon_send(caf::actor_cast<caf::actor>(c.reply_to), std::move(d));
  }

  router_self self;
  std::deque<command> waiting_;
  size_t under_way_ = 0;
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
      [s](proposals& m) { s->propose(m); },
      [](const read_wanted& m) { // nobody asks: reads are calls
        caf::anon_send(caf::actor_cast<caf::actor>(m.reply_to), reads_allowed{{m.id}, {}});
      },
      [s](const membership_change& m) { return s->change(m); },
      [](const leadership_transfer&) {
        apply_outcome o;
        o.result.failure = {errc::unsupported, "leadership is transferred by a server: send the request to one"};
        return o;
      },
      [s](propose_one& m) { return s->propose(m); },
      [s](leader_query q) { return s->tell(q); },
  };
}

// ---- one pair of overloads for each record whose call or reply is more than the record and nothing ----

// To a server no datacenter is another one.
template <class Record> void put_call(Record& r, const std::string& datacenter, command_call& out) {
  if constexpr (requires { r.datacenter; })
    if (r.datacenter.empty()) r.datacenter = datacenter;
  out.call.arguments = to_msgpack(r);
}
void put_call(kv_request& r, const std::string& datacenter, command_call& out) {
  r.datacenter = datacenter;
  out.conditional = r.op == kv_cas || r.op == kv_delete_cas || r.op == kv_lock || r.op == kv_unlock;
  out.call.arguments = to_msgpack(r);
}
void put_call(autopilot_request& r, const std::string& datacenter, command_call& out) {
  out.conditional = r.cas;
  put_call<autopilot_request>(r, datacenter, out);
}
void put_call(txn_request& r, const std::string& datacenter, command_call& out) {
  if (is_read_only(r)) {
    out.call.method = "Txn.Read";
    out.call.reads = true;
  }
  put_call<txn_request>(r, datacenter, out);
}
void put_call(query_request& r, const std::string& datacenter, command_call& out) {
  if (!r.query) return out.call.method.clear();
  if (r.op == query_create) r.query->id.clear(); // the server chooses it
  r.datacenter = datacenter;
  out.call.arguments = to_msgpack(r);
}
void put_call(session_renewal& r, const std::string& datacenter, command_call& out) {
  out.call.arguments = to_msgpack(rpc::session_request{datacenter, r.id, r.id, {}});
  out.subject = r.id;
}

template <class Record> void take_reply(const Record*, const command_call&, const rpc_answer&, apply_result&) {}
void take_id(const rpc_answer& a, apply_result& out) { out.body = msgpack_reader(a.body).raw(); }
void take_reply(const session_request*, const command_call&, const rpc_answer& a, apply_result& out) { take_id(a, out); }
void take_reply(const query_request*, const command_call&, const rpc_answer& a, apply_result& out) { take_id(a, out); }
void take_reply(const session_renewal*, const command_call& c, const rpc_answer& a, apply_result& out) {
  rpc::sessions_reply r;
  if (!from_msgpack(a.body, r)) out.failure = {errc::corrupt, "a server's answer to a renewal is malformed"};
  out.value = !r.sessions.empty();
  out.body = out.value ? to_msgpack(r.sessions.front()) : c.subject;
}
void take_reply(const txn_request*, const command_call&, const rpc_answer& a, apply_result& out) {
  rpc::txn_apply_reply t;
  out.txn = std::make_shared<txn_response>();
  if (!from_msgpack(a.body, t)) out.failure = {errc::corrupt, "a server's answer to a transaction is malformed"};
  for (auto& r : t.results) out.txn->results.push_back({std::move(r.kv), std::move(r.node), std::move(r.service), std::move(r.check)});
  for (auto& e : t.errors) out.txn->errors.push_back({static_cast<uint64_t>(e.op_index), std::move(e.what)});
}

} // namespace

command_call call_of_command(std::string_view command, const std::string& datacenter) {
  command_call out;
  if (command.empty()) return out;
  out.kind = static_cast<command_kind>(command[0]);
  with_row_of(out.kind, [&](const auto& row) {
    record_of<decltype(row)> r;
    if (row.rpc.empty() || !from_msgpack(command.substr(1), r)) return;
    out.call = {std::string(row.rpc), {}, nanos(0), false};
    put_call(r, datacenter, out);
  });
  return out;
}

apply_result result_of_reply(const command_call& c, const rpc_answer& a) {
  apply_result out;
  out.failure = a.failure;
  if (a.failure.code != errc::none) return out;
  if (c.conditional) { // of other operations on a key servers say false (wire.md, Calls)
    msgpack_reader r(a.body);
    out.value = r.boolean();
  }
  with_row_of(c.kind, [&](const auto& row) { take_reply(static_cast<const record_of<decltype(row)>*>(nullptr), c, a, out); });
  return out;
}

router_handle spawn_client_router(caf::actor_system& system, rpc_handle rpc, std::string datacenter) {
  return system.spawn(router_behavior, std::move(rpc), std::move(datacenter));
}

} // namespace actord
