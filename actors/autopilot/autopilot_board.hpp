// What autopilot thought of the cluster last, for readers in other threads.
#pragma once
#include "actors/autopilot/core/types.hpp"
#include <memory>
#include <mutex>

namespace actord {

class autopilot_board {
public:
  std::shared_ptr<const autopilot::cluster_view> view() const { // never null
    std::lock_guard lock(mutex_);
    return view_;
  }
  void put(autopilot::cluster_view v) {
    auto next = std::make_shared<const autopilot::cluster_view>(std::move(v));
    std::lock_guard lock(mutex_);
    view_ = std::move(next);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const autopilot::cluster_view> view_ = std::make_shared<const autopilot::cluster_view>();
};

} // namespace actord
