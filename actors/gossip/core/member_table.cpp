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

void member_table::move(member& m, const address& to) {
  if (!m.at.empty()) {
    const auto it = by_address_.find(key_of(m.at));
    if (--it->second == 0) by_address_.erase(it);
  }
  m.at = to;
  if (!to.empty()) ++by_address_[key_of(to)];
}

void member_table::prove(member& m) {
  proven_ += m.proven ? 0 : 1;
  m.proven = true;
}

void member_table::erase(member& m) {
  proven_ -= m.proven ? 1 : 0;
  move(m, {});
  all_.back()->place = m.place;
  all_[m.place] = all_.back();
  all_.pop_back();
  by_name_.erase(by_name_.find(m.name));
}

} // namespace actord::gossip
