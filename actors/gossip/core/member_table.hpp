// Who is known, in whatever state, by name. Pointers stay valid until the member is erased.
#pragma once
#include "actors/gossip/core/suspicion.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/text_hash.hpp"
#include <memory>
#include <string_view>
#include <unordered_map>

namespace actord::gossip {

struct member {
  node_name name;
  address at; // changed by member_table::move() only
  std::string meta;
  versions vsn{};
  incarnation inc = 0;
  node_state state = node_state::dead;
  nanos changed{0}; // when the state changed last
  std::unique_ptr<suspicion> suspected; // while suspect
  nanos answered{-1}, unanswered{-1}; // when a ping of ours was last answered, and when one was not; before the start: never
  nanos leapt{-1}; // when a packet took its incarnation far ahead, or never
  bool proven = false; // it answered us once: somebody is there. Set by member_table::prove() only
  size_t place = 0; // in all()

  bool is_gone() const { return state == node_state::dead || state == node_state::left; }
  // The versions of the protocol that it understands tell what may be asked of it.
  bool answers_streams() const { return vsn[1] >= 3; }
  bool sends_nacks() const { return vsn[1] >= 4; }
  bool checks_sums() const { return vsn[1] >= 5; }
  node_report report() const { return {name, at, meta, inc, state, vsn}; }
};

class member_table {
public:
  member* find(std::string_view name);
  const member* find(std::string_view name) const;
  // A member that nobody knows yet; its name is not in the table.
  member& insert(node_name name);
  void erase(member& m);
  void move(member& m, const address& to);
  void prove(member& m);
  size_t proven() const { return proven_; }
  // Does any member, in whatever state, live there?
  bool lives_at(const address& at) const { return by_address_.contains(key_of(at)); }
  size_t size() const { return all_.size(); }
  // In no particular order, but the same in each run from one seed.
  const std::vector<member*>& all() const { return all_; }

  // Up to `count` different members that pass `accept`. Looks at no more than three draws per member, so that it ends
  // when few pass; a small table may therefore give fewer than there are.
  template <class Accept> std::vector<member*> pick(size_t count, prng& random, Accept accept) const {
    std::vector<member*> out;
    for (size_t draws = 3 * all_.size(); draws > 0 && out.size() < count; --draws) {
      member* m = all_[random.below(all_.size())];
      bool seen = false;
      for (const auto* o : out) seen |= o == m;
      if (!seen && accept(*m)) out.push_back(m);
    }
    return out;
  }

private:
  std::unordered_map<std::string_view, std::unique_ptr<member>, text_hash> by_name_; // keys are the members' own names
  static std::string key_of(const address& at) { return at.ip + static_cast<char>(at.port >> 8) + static_cast<char>(at.port); }
  text_map<size_t> by_address_; // how many live there
  std::vector<member*> all_;
  size_t proven_ = 0;
};

} // namespace actord::gossip
