#include "actors/gossip/core/member_table.hpp"

namespace actord::gossip {

member* member_table::find(std::string_view name) {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second.get();
}

const member* member_table::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second.get();
}

member& member_table::insert(node_name name) {
  auto fresh = std::make_unique<member>();
  fresh->name = std::move(name);
  fresh->place = all_.size();
  member& m = *fresh;
  all_.push_back(&m);
  by_name_.emplace(m.name, std::move(fresh));
  return m;
}

void member_table::erase(member& m) {
  all_.back()->place = m.place;
  all_[m.place] = all_.back();
  all_.pop_back();
  by_name_.erase(by_name_.find(m.name));
}

} // namespace actord::gossip
