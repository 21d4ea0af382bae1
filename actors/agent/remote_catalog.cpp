// What the agent of a client asks servers, and tells them: how the catalog stands for a node (actors/rpc/wire.md, A client agent's life).
#include "actors/agent/agent_state.hpp"
#include "actors/messages/pool_messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include <caf/event_based_actor.hpp>

namespace actord::agent {

using namespace std::chrono_literals;

namespace {

constexpr nanos stale_limit = 2s; // MaxStaleDuration: older answers are not worth comparing with

rpc_call read_of_node(const char* method, const std::string& datacenter, const std::string& node, bool stale) {
  rpc::node_request q;
  q.datacenter = datacenter;
  q.node = node;
  q.options.allow_stale = stale;
  q.options.max_stale_duration = stale_limit;
  return {method, to_msgpack(q), nanos(0), true};
}

// Catalog.NodeServiceList says a list, Catalog.NodeServices of older servers a map.
bool unpack(const rpc_answer& a, bool list, catalog_picture& out, nanos& age) {
  if (list) {
    rpc::node_service_list_reply r;
    if (!from_msgpack(a.body, r)) return false;
    if (r.found.node) out.node = std::move(*r.found.node);
    out.services = std::move(r.found.services);
    age = r.meta.last_contact;
    return true;
  }
  rpc::node_services_reply r;
  if (!from_msgpack(a.body, r)) return false;
  age = r.meta.last_contact;
  if (!r.found) return true; // the node is not there
  if (r.found->node) out.node = std::move(*r.found->node);
  for (auto& [id, s] : r.found->services) out.services.push_back(std::move(s));
  return true;
}

// Two calls, one after the other; again of the leader when the answer is too old.
struct fetch : std::enable_shared_from_this<fetch> {
  agent_self self;
  rpc_handle rpc;
  std::string datacenter, node;
  std::function<void(result<catalog_picture>)> then;
  catalog_picture picture;
  nanos age{0};
  bool stale = true, list = true;

  void services() {
    ask(list ? "Catalog.NodeServiceList" : "Catalog.NodeServices", [](fetch& f, const rpc_answer& a) {
      if (f.list && a.failure.text.find("rpc: can't find method") != a.failure.text.npos) {
        f.list = false;
        return f.services();
      }
      if (a.failure.code != errc::none) return f.then(a.failure);
      if (!unpack(a, f.list, f.picture, f.age)) return f.then(error{errc::corrupt, "a server's answer about this node's services is malformed"});
      f.checks();
    });
  }
  void checks() {
    ask("Health.NodeChecks", [](fetch& f, const rpc_answer& a) {
      if (a.failure.code != errc::none) return f.then(a.failure);
      rpc::checks_reply r;
      if (!from_msgpack(a.body, r)) return f.then(error{errc::corrupt, "a server's answer about this node's checks is malformed"});
      if (f.stale && std::max(f.age, r.meta.last_contact) > stale_limit) {
        f.stale = false;
        f.picture = {};
        return f.services();
      }
      f.picture.checks = std::move(r.checks);
      f.then(std::move(f.picture));
    });
  }
  void ask(const char* method, void (*next)(fetch&, const rpc_answer&)) {
    auto me = shared_from_this();
    self->request(rpc, caf::infinite, read_of_node(method, datacenter, node, stale))
        .then([me, next](const rpc_answer& a) { next(*me, a); },
              [me](const caf::error&) { me->then(error{errc::internal, "agent is stopping"}); });
  }
};

} // namespace

void agent_state::fetch_picture(const std::string& node, std::function<void(result<catalog_picture>)> then) {
  auto f = std::make_shared<fetch>();
  f->self = self_;
  f->rpc = deps_.cluster.rpc;
  f->datacenter = config_.datacenter;
  f->node = node;
  f->then = std::move(then);
  f->services();
}

void agent_state::tell_servers(const std::vector<catalog_command>& batch) {
  for (auto& c : batch) {
    const auto told = [this, number = c.number](error failure) {
      proposals_done d;
      auto& one = d.outcomes.emplace_back();
      one.id = number;
      one.result.failure = std::move(failure);
      catalog_answered(d);
    };
    rpc_call call{c.add ? "Catalog.Register" : "Catalog.Deregister", c.add ? to_msgpack(*c.add) : to_msgpack(*c.remove), nanos(0), false};
    self_->request(deps_.cluster.rpc, caf::infinite, std::move(call))
        .then([told](rpc_answer& a) { told(std::move(a.failure)); }, [told](const caf::error&) { told({errc::internal, "agent is stopping"}); });
  }
}

void agent_state::compare_remotely(nanos t) {
  if (broken(rule::catalog_compared)) return sync_->knows_catalog() ? sync_->compare_failed(t) : compared({}, t);
  comparing_ = true;
  if (deps_.cluster.lan_members) sync_->scale(deps_.cluster.lan_members->look()->members.size());
  fetch_picture(config_.node_name, [this](result<catalog_picture> p) {
    comparing_ = false;
    if (p) {
      leave_out_unusable(*p);
      compared(*p, now());
    } else {
      log::err("agent.anti_entropy", "failed to sync remote state: error=\"{}\"", p.err().text);
      sync_->compare_failed(now());
    }
    (void)perform_effects();
    deliver();
  });
}

// One node after the other is asked, and all of its aliases are settled by one answer.
void agent_state::look_at_aliases_remotely() {
  if (looking_) return;
  const auto by_node = aliases_by_node();
  if (by_node.empty()) return;
  looking_ = true;
  auto left = std::make_shared<size_t>(by_node.size());
  for (auto& [node, aliases] : by_node)
    fetch_picture(node, [this, left, aliases = aliases](result<catalog_picture> p) {
      if (p)
        for (auto& a : aliases) settle_alias(a, *p, now());
      if (--*left > 0) return;
      looking_ = false;
      (void)perform_effects();
    });
}

} // namespace actord::agent
