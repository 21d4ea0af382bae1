// A few cores with disks, driven by hand: nothing moves but what the test moves. Messages lie in `mail` until they are
// delivered; writes lie on the disk's queue until they are synced.
#pragma once
#include "actors/raft/core/raft_core.hpp"
#include "tests/support/virtual_disk.hpp"
#include <functional>
#include <map>
#include <set>

namespace actord::raft {

struct test_node {
  test::virtual_disk<std::string> disk;
  std::unique_ptr<raft_core> core;
  std::vector<entry> committed;
  std::vector<rejection> rejected;
  std::vector<read_state> reads;
  std::vector<server_id> snapshots;
  std::vector<role_change> roles;
  std::vector<std::pair<membership, raft_index>> members; // as told
  bool joiner = false; // starts without a bootstrap configuration
  bool auto_sync = true;
  raft_index applied;
};

class test_cluster {
public:
  explicit test_cluster(size_t voters, std::function<void(options&)> tune = {}, size_t learners = 0) {
    for (size_t i = 1; i <= voters; ++i) options_.members.voters.push_back("s" + std::to_string(i));
    for (size_t i = 1; i <= learners; ++i) options_.members.learners.push_back("l" + std::to_string(i));
    if (tune) tune(options_);
    for (const auto& id : options_.members.voters) start(id);
    for (const auto& id : options_.members.learners) start(id);
  }
  test_node& operator[](const server_id& id) { return nodes_[id]; }
  raft_core& core(const server_id& id) { return *nodes_[id].core; }

  void start(const server_id& id, uint64_t recovering = 0) {
    auto& n = nodes_[id];
    options o = options_;
    o.self = id;
    if (n.joiner) o.members = {};
    auto stored = n.disk.stored();
    stored.applied = n.applied;
    auto core = raft_core::open(o, stored, n.disk, prng(static_cast<uint64_t>(id.back())), recovering);
    if (!core) throw std::runtime_error(core.err().text);
    n.core = std::move(*core);
    collect(id);
  }
  void join(const server_id& id) {
    nodes_[id].joiner = true;
    start(id);
  }
  void set_bootstrap(membership m) { options_.members = std::move(m); }
  // The machine loses its power; unsynced writes are gone.
  void crash(const server_id& id) {
    auto& n = nodes_[id];
    n.core.reset();
    n.applied = n.disk.snapshot_point().index;
    n.committed.clear();
    n.disk.drop_unsynced();
  }
  // Carries out the effects of one core, but delivers nothing.
  void collect(const server_id& id) {
    auto& n = nodes_[id];
    while (n.core && n.core->has_ready()) {
      ready r = n.core->drain();
      if (r.fault) throw std::runtime_error(r.fault->text);
      if (r.write_id != 0) {
        test::virtual_disk<std::string>::write w;
        w.id = r.write_id;
        if (r.restore) w.restore.emplace(*r.restore, "snapshot");
        w.restore_members = r.restore_members;
        w.append = r.append;
        w.hard = r.hard;
        n.disk.submit(std::move(w));
      }
      for (auto& m : r.messages) mail.push_back(std::move(m));
      for (auto& e : r.committed) n.committed.push_back(std::move(e));
      if (!n.committed.empty()) n.core->applied(n.applied = n.committed.back().index);
      n.rejected.insert(n.rejected.end(), r.rejected.begin(), r.rejected.end());
      n.reads.insert(n.reads.end(), r.reads.begin(), r.reads.end());
      n.snapshots.insert(n.snapshots.end(), r.snapshots.begin(), r.snapshots.end());
      if (r.members) n.members.emplace_back(*r.members, r.members_index);
      if (r.role) n.roles.push_back(*r.role);
      if (n.auto_sync) sync(id);
    }
  }
  void sync(const server_id& id) {
    auto& n = nodes_[id];
    if (uint64_t done = n.disk.sync(SIZE_MAX); done != 0) n.core->synced(done);
    if (!n.auto_sync) collect(id);
  }
  void tick(const server_id& id, uint64_t times = 1) {
    for (; times > 0; --times) {
      core(id).tick();
      collect(id);
    }
  }
  // Delivers mail until there is none; messages from or to a server in `down` are lost.
  void settle() {
    for (size_t guard = 0; !mail.empty() && guard < 100000; ++guard) {
      message m = std::move(mail.front());
      mail.erase(mail.begin());
      if (down.contains(m.from) || down.contains(m.to) || !nodes_[m.to].core) continue;
      core(m.to).step(m);
      collect(m.to);
    }
  }
  void elect(const server_id& id) {
    core(id).campaign();
    collect(id);
    settle();
  }
  raft_index propose(const server_id& id, std::string command, uint64_t cookie = 1) {
    auto at = core(id).propose(std::move(command), cookie);
    collect(id);
    return at;
  }
  void step(const server_id& to, message m) {
    m.to = to;
    core(to).step(std::move(m));
    collect(to);
  }
  // Takes the mail that matches out of the queue.
  std::vector<message> take(message_kind kind, const server_id& from = {}) {
    std::vector<message> out;
    std::erase_if(mail, [&](message& m) {
      if (m.kind != kind || (!from.empty() && m.from != from)) return false;
      out.push_back(std::move(m));
      return true;
    });
    return out;
  }

  std::vector<message> mail;
  std::set<server_id> down;

private:
  options options_;
  std::map<server_id, test_node> nodes_;
};

inline message make_message(message_kind kind, const server_id& from, uint64_t term) {
  message m;
  m.kind = kind;
  m.from = from;
  m.term = raft_term{term};
  return m;
}
inline entry make_entry(uint64_t index, uint64_t term, const std::string& payload = {}) {
  entry e;
  e.index = raft_index{index};
  e.term = raft_term{term};
  if (!payload.empty()) e.payload = std::make_shared<const std::string>(payload);
  return e;
}

} // namespace actord::raft
