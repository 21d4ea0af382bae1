#include "actors/rpc/client_router.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/query_rules.hpp"
#include "storage/state/read_view.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>

namespace actord {

namespace {

constexpr size_t most_calls = 128; // under way at a time

struct txn_reply {
  struct one {
    boxed<kv_entry> kv;
    boxed<node_record> node;
    boxed<node_service> service;
    boxed<health_check> check;
    template <class V, class Self> static void fields(V&& v, Self& s) {
      v("KV", s.kv);
      v("Node", s.node);
      v("Service", s.service);
      v("Check", s.check);
    }
  };
  list_of<one> results;
  list_of<txn_error> errors;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Results", s.results);
    v("Errors", s.errors);
  }
};

struct raft_server {
  std::string id, node, address;
  bool leader = false, voter = false;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Node", s.node);
    v("Address", s.address);
    v("Leader", s.leader);
    v("Voter", s.voter);
  }
};
struct raft_configuration {
  list_of<raft_server> servers;
  uint64_t index = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Servers", s.servers);
    v("Index", s.index);
  }
};

struct remove_peer {
  std::string address, datacenter, id, token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Address", s.address);
    v("Datacenter", s.datacenter);
    v("ID", s.id);
    v("Token", s.token);
  }
};

template <class Request> std::string in_datacenter(std::string_view record, const std::string& datacenter) {
  Request r;
  if (!from_msgpack(record, r)) return {};
  if (r.datacenter.empty()) r.datacenter = datacenter; // to a server, none is another one
  return to_msgpack(r);
}

std::string read_arguments(const std::string& datacenter, bool stale) {
  std::string out;
  msgpack_writer w(out);
  w.map(2);
  w.raw("AllowStale"), w.boolean(stale);
  w.raw("Datacenter"), w.raw(datacenter);
  return out;
}

std::string renewal_arguments(std::string_view id, const std::string& datacenter) {
  std::string out;
  msgpack_writer w(out);
  w.map(3);
  w.raw("Datacenter"), w.raw(datacenter);
  w.raw("Session"), w.raw(id); // as agents before 1.7 call it
  w.raw("SessionID"), w.raw(id);
  return out;
}

struct renewal_reply {
  list_of<session_record> sessions;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Sessions", s.sessions); }
};

void take_configuration(const rpc_answer& a, leader_info& out) {
  raft_configuration c;
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
  remove_peer r{c.id.empty() ? c.address : "", datacenter, c.id, {}};
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

} // namespace

command_call call_of_command(std::string_view command, const std::string& datacenter) {
  command_call out;
  if (command.empty()) return out;
  const auto record = command.substr(1);
  out.kind = static_cast<command_kind>(command[0]);
  switch (out.kind) {
  case command_kind::catalog_register: out.call = {"Catalog.Register", in_datacenter<register_request>(record, datacenter), nanos(0), false}; break;
  case command_kind::catalog_deregister: out.call = {"Catalog.Deregister", in_datacenter<deregister_request>(record, datacenter), nanos(0), false}; break;
  case command_kind::autopilot_set: {
    autopilot_request r;
    if (!from_msgpack(record, r)) break;
    out.conditional = r.cas;
    out.call = {"Operator.AutopilotSetConfiguration", in_datacenter<autopilot_request>(record, datacenter), nanos(0), false};
    break;
  }
  case command_kind::kv: {
    kv_request r;
    if (!from_msgpack(record, r)) break;
    r.datacenter = datacenter; // to a server, none is another one
    out.conditional = r.op == kv_cas || r.op == kv_delete_cas || r.op == kv_lock || r.op == kv_unlock;
    out.call = {"KVS.Apply", to_msgpack(r), nanos(0), false};
    break;
  }
  case command_kind::txn: {
    txn_request r;
    if (!from_msgpack(record, r)) break;
    const bool reads = is_read_only(r);
    out.call = {reads ? "Txn.Read" : "Txn.Apply", in_datacenter<txn_request>(record, datacenter), nanos(0), reads};
    break;
  }
  case command_kind::session: out.call = {"Session.Apply", in_datacenter<session_request>(record, datacenter), nanos(0), false}; break;
  case command_kind::prepared_query: {
    query_request r;
    if (!from_msgpack(record, r) || !r.query) break;
    if (r.op == query_create) r.query->id.clear(); // the server chooses it
    r.datacenter = datacenter;
    out.call = {"PreparedQuery.Apply", to_msgpack(r), nanos(0), false};
    break;
  }
  case command_kind::session_renew: {
    session_renewal r;
    if (!from_msgpack(record, r)) break;
    out.call = {"Session.Renew", renewal_arguments(r.id, datacenter), nanos(0), false};
    out.subject = r.id;
    break;
  }
  default: break;
  }
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
  if (c.kind == command_kind::session || c.kind == command_kind::prepared_query) out.body = msgpack_reader(a.body).raw(); // the id
  if (c.kind == command_kind::session_renew) {
    renewal_reply r;
    if (!from_msgpack(a.body, r)) out.failure = {errc::corrupt, "a server's answer to a renewal is malformed"};
    out.value = !r.sessions.empty();
    out.body = out.value ? to_msgpack(r.sessions.front()) : c.subject;
  }
  if (c.kind == command_kind::txn) {
    txn_reply t;
    out.txn = std::make_shared<txn_response>();
    if (!from_msgpack(a.body, t)) out.failure = {errc::corrupt, "a server's answer to a transaction is malformed"};
    for (auto& r : t.results) out.txn->results.push_back({std::move(r.kv), std::move(r.node), std::move(r.service), std::move(r.check)});
    out.txn->errors.assign(t.errors.begin(), t.errors.end());
  }
  return out;
}

router_handle spawn_client_router(caf::actor_system& system, rpc_handle rpc, std::string datacenter) {
  return system.spawn(router_behavior, std::move(rpc), std::move(datacenter));
}

} // namespace actord
