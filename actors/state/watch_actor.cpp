#include "actors/state/watch_actor.hpp"
#include "actors/messages/messages.hpp"
#include "actors/state/core/watch_table.hpp"
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>

namespace actord {
namespace {

struct watch_state {
  static inline const char* name = "watch";
  using pointer = watch_handle::stateful_pointer<watch_state>;

  struct origin {
    uint64_t id; // the sink's own number
    caf::strong_actor_ptr sink;
  };

  std::shared_ptr<node_status> status;
  watch_table table;
  std::unordered_map<watch_id, origin> origins;
  std::map<caf::actor_id, std::unordered_map<uint64_t, watch_id>> by_sink;
  raft_index published;

  void count() { status->watchers.store(origins.size()); }

  void fire(const caf::strong_actor_ptr& sink, std::vector<uint64_t> ids) {
    caf::anon_send(caf::actor_cast<caf::actor>(sink), watch_fired{std::move(ids), published});
  }

  void add(watch_add& w) {
    // The count goes up before `unpublished` is read: see node_status.
    status->watchers.fetch_add(1);
    table.skip_to(raft_index{status->unpublished.load()});
    auto id = table.add(w.topics, w.seen);
    if (id == 0) {
      published = std::max(published, raft_index{status->applied.load()});
      fire(w.sink, {w.id});
    } else {
      by_sink[w.sink->id()][w.id] = id;
      origins.emplace(id, origin{w.id, std::move(w.sink)});
    }
    count();
  }

  void remove(const watch_remove& r) {
    auto mine = by_sink.find(r.sink->id());
    if (mine == by_sink.end()) return;
    for (auto id : r.ids) {
      auto at = mine->second.find(id);
      if (at == mine->second.end()) continue;
      table.remove(at->second);
      origins.erase(at->second);
      mine->second.erase(at);
    }
    if (mine->second.empty()) by_sink.erase(mine);
    count();
  }

  void changed(std::shared_ptr<const change_set> changes) {
    published = std::max(published, changes->index);
    std::vector<watch_id> due;
    table.publish(std::move(changes), due);
    if (due.empty()) return;
    std::map<caf::actor_id, std::pair<caf::strong_actor_ptr, std::vector<uint64_t>>> out;
    for (auto id : due) {
      auto at = origins.find(id);
      if (at == origins.end()) continue;
      auto& [sink, ids] = out[at->second.sink->id()];
      by_sink[at->second.sink->id()].erase(at->second.id);
      ids.push_back(at->second.id);
      sink = std::move(at->second.sink);
      origins.erase(at);
    }
    count();
    for (auto& [key, batch] : out) fire(batch.first, std::move(batch.second));
  }
};

watch_handle::behavior_type watch_behavior(watch_state::pointer self, std::shared_ptr<node_status> status) {
  self->state.status = std::move(status);
  return {
      [self](watch_add& w) { self->state.add(w); },
      [self](const watch_remove& r) { self->state.remove(r); },
      [self](const state_changed& c) { self->state.changed(c.changes); },
  };
}

} // namespace

watch_handle spawn_watch_actor(caf::actor_system& system, std::shared_ptr<node_status> status) {
  return system.spawn(watch_behavior, std::move(status));
}

} // namespace actord
