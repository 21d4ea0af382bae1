// Whether the state of this server is current enough for a read, and waiting until it is.
#pragma once
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/messages/messages.hpp"
#include "runtime/net/loop_actor.hpp"
#include "storage/model/rpc_fields.hpp"
#include <functional>
#include <unordered_map>

namespace actord::dispatch {

// How current the state has to be. Neither stale nor consistent: it shows all that was acknowledged, as far as the leader's lease tells.
struct freshness {
  bool stale = false;      // it may be old
  bool consistent = false; // other servers are asked, whatever the lease tells
  nanos max_stale{0};      // a stale read: since a leader was heard of; 0: no bound
  uint64_t at_least = 0;   // not of Consul: an index that has to be applied; then no leader is asked
};
freshness freshness_of(const rpc::read_options& o);

int64_t steady_nanos(); // now, as node_status counts
// Since a leader was heard of; zero while there was none.
nanos silence(const node_status& s, int64_t now);

// Does the state here show all that was acknowledged? A leader knows while its lease lasts. A stale read asks nobody, once this server has
// heard of a leader and has what that leader had then, unless it bounds how old the state may be.
bool is_current(const node_status& s, const freshness& f, int64_t now);

// What an answer tells of the server that gave it; the index is the caller's.
rpc::reply_meta meta_of(const node_status& s, bool stale, int64_t now);

// Reads that wait until the state here is current, of one loop.
class waiting_reads {
public:
  using then_fn = std::function<void(const error& failure)>; // errc::none: look now
  waiting_reads(const net::loop_actor_ptr& self, router_handle router) : self_(self), router_(std::move(router)) {}
  uint64_t add(const freshness& f, then_fn then); // a number for drop()
  void drop(uint64_t id) { reads_.erase(id); }
  void allowed(const reads_allowed& m);
  void clear() { reads_.clear(); }

private:
  const net::loop_actor_ptr& self_;
  router_handle router_;
  std::unordered_map<uint64_t, then_fn> reads_;
  uint64_t next_ = 1;
};

} // namespace actord::dispatch
