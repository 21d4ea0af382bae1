// Messages to and from the actor of a gossip pool (actors/gossip), and what it publishes for readers in other threads.
#pragma once
#include "actors/coordinate/core/types.hpp"
#include "actors/members/core/types.hpp"
#include "actors/messages/messages.hpp"
#include <mutex>

namespace actord {

// ---- requests --------------------------------------------------------------------------------------------------
// Join through these: "host", "host:port", "name/host:port"; names are resolved, every address is tried. The failure is set
// when none was reached; its text then lists the reasons.
struct pool_join {
  std::vector<std::string> addresses;
};
struct pool_joined {
  size_t reached = 0;
  error failure;
};
struct pool_leave {}; // tell the others; answered when they know or the patience is over
struct pool_force_leave {
  std::string node;
  bool prune = false;
};
struct pool_fire { // a user event, bytes as they are gossiped (Consul's prefix and encoding included)
  std::string name, payload;
  bool coalesce = false;
};
struct pool_keys { // an operation on all members' keyrings
  members::key_operation what = members::key_operation::list;
  std::string key; // raw bytes; empty for list
  uint8_t relay_factor = 0;
  bool local_only = false; // list only: this node's keyring, nobody is asked
};
struct pool_keys_done {
  members::key_outcome outcome; // outcome.error is "" when all did it
};
struct pool_tags { // announce these from now on
  members::tag_table tags;
};
struct pool_subscribe { // `sink` gets every pool_news from now on, and first one that has all members as joined
  caf::strong_actor_ptr sink;
};

// ---- news ------------------------------------------------------------------------------------------------------
struct pool_news {
  bool wan = false;
  std::vector<members::tell_member_event> members; // in the order in which they happened
  std::vector<members::user_event> events;
};

// ---- board -----------------------------------------------------------------------------------------------------
// A pool as its actor last saw it. Immutable; readers keep it as long as they like.
struct pool_view {
  std::vector<members::member> members; // by name; every status
  std::string self;                     // our name in it
  coordinate::coordinate where;         // our own network coordinate
  std::map<std::string, coordinate::coordinate> coordinates; // of the others, where they last said they were
  bool encrypted = false;
  std::vector<std::pair<std::string, std::string>> stats; // of /v1/agent/self, groups serf_lan and serf_wan

  const members::member* find(std::string_view name) const {
    for (auto& m : members)
      if (m.name == name) return &m;
    return nullptr;
  }
};

class pool_board {
public:
  std::shared_ptr<const pool_view> look() const { // never null
    std::lock_guard hold(mutex_);
    return view_;
  }
  void publish(std::shared_ptr<const pool_view> v) {
    std::lock_guard hold(mutex_);
    view_ = std::move(v);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const pool_view> view_ = std::make_shared<pool_view>();
};

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::pool_join)
ACTORD_LOCAL_MESSAGE(actord::pool_joined)
ACTORD_LOCAL_MESSAGE(actord::pool_leave)
ACTORD_LOCAL_MESSAGE(actord::pool_force_leave)
ACTORD_LOCAL_MESSAGE(actord::pool_fire)
ACTORD_LOCAL_MESSAGE(actord::pool_keys)
ACTORD_LOCAL_MESSAGE(actord::pool_keys_done)
ACTORD_LOCAL_MESSAGE(actord::pool_tags)
ACTORD_LOCAL_MESSAGE(actord::pool_subscribe)
ACTORD_LOCAL_MESSAGE(actord::pool_news)
