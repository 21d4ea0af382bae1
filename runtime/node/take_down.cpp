// The end of a node: what runs is stopped in the reverse order of the start.
#include "actors/coordinate/coordinate_actor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/end_watch.hpp"
#include "runtime/node/node.hpp"
#include <caf/actor_registry.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <map>

namespace actord {

namespace {

// What was told to end, by name, until it has.
class ending {
public:
  explicit ending(caf::actor_system& system) : self_(system, true) {}
  template <class Handle> void end(Handle& handle, const char* name) {
    if (handle) {
      auto gone = caf::actor_cast<caf::actor>(handle);
      self_->monitor(gone);
      left_.emplace(gone.address(), name);
      caf::anon_send_exit(gone, caf::exit_reason::user_shutdown);
    }
    handle = nullptr;
  }
  // For the jobs of consul exec, which notice within a fifth of a second that they are to stop; and longer for a disk. False: some did not end.
  bool wait() {
    const auto begun = std::chrono::steady_clock::now();
    while (self_->home_system().registry().running() > ourselves) {
      self_->receive([this](const caf::down_msg& d) { left_.erase(d.source); }, caf::after(std::chrono::milliseconds(5)) >> [] {});
      const auto took = std::chrono::steady_clock::now() - begun;
      if (took > disk_patience || (took > others_patience && waits_for_disk().empty())) return false;
    }
    return true;
  }
  std::string names() const {
    std::string out;
    for (const auto& [who, name] : left_) out += (out.empty() ? "" : ", ") + name;
    return out.empty() ? "what they had begun" : out;
  }

private:
  static constexpr std::chrono::milliseconds others_patience{1500};
  static constexpr size_t ourselves = 1; // a scoped actor counts as running
  caf::scoped_actor self_;
  std::map<caf::actor_addr, std::string> left_;
};

// False: some go on, and may still use everything.
bool end_actors(node& n) {
  ending all(*n.system);
  all.end(n.supervisor, "the supervisor");
  for (auto& [name, actor] : n.beside_raft) all.end(actor, name.c_str());
  n.system->registry().erase(coordinate_registry_name);
  if (n.desk) n.desk->take({});
  all.end(n.agent, "the agent");
  all.end(n.events, "events");
  for (auto& one : n.pool_actors) all.end(one, "joining");
  all.end(n.cluster.leave, "leaving");
  all.end(n.cluster.wan, "gossip among servers");
  all.end(n.cluster.lan, "gossip among agents");
  all.end(n.autopilot, "autopilot");
  if (!n.config.server) all.end(n.cluster.rpc, "calls to servers");
  n.router = nullptr;
  all.end(n.snapshots, "snapshots");
  all.end(n.writer, "the state");
  all.end(n.watch, "blocking queries");
  all.end(n.raft, "Raft");
  all.end(n.peers, "connections to servers");
  if (all.wait()) return true;
  const auto disk = waits_for_disk();
  log::warn("agent", "ending without waiting any longer: {} did not end in time{}{}", all.names(), disk.empty() ? "" : ", which waits for the disk: ", disk);
  (void)n.system.release(); // the process ends in a moment; waiting for them could take for ever,
  (void)n.state.release();  // and they may still use the stores
  (void)n.log.release();
  return false;
}

} // namespace

// Listeners first, so that nobody is told something by half a node; then the actors; then the stores, which mark a
// clean stop.
void take_down(node& n, end_watch& watch) {
  watch.step("the watches of the configuration");
  n.watches.stop();
  watch.step("the HTTP API");
  if (n.http) n.http->stop();
  watch.step("DNS");
  if (n.dns) n.dns->stop();
  watch.step("RPC");
  if (n.rpc_server) n.rpc_server->stop();
  watch.step("the HTTP API");
  n.http.reset();
  watch.step("DNS");
  n.dns.reset();
  if (n.config.server) n.cluster.rpc = nullptr; // the server's own, which goes with it
  watch.step("RPC");
  n.rpc_server.reset();
  watch.step("its actors");
  if (n.system) {
    if (!end_actors(n)) return;
    n.system.reset();
  }
  n.desk.reset();
  watch.step("the state's files");
  n.state.reset();
  watch.step("the Raft log's files");
  n.log.reset();
  n.folder.reset();
}

} // namespace actord
