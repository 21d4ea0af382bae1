// Who has asked for a change here and is not answered yet. An answer goes out when the journal that holds the change is synced
// and the catalog shows it: in that version or a later one. With servers that are slow or away nobody waits longer for the
// catalog than `patience`; for the journal everybody does. Decides only: promises stay with the caller, under the tickets.
#pragma once
#include "actors/agent/core/local_state.hpp"

namespace actord::agent {

class pending_answers {
public:
  static constexpr nanos patience = std::chrono::milliseconds(200);
  struct answer {
    uint64_t ticket = 0;
    error failure; // errc::none, or why it could not be kept
  };

  // A ticket for `changes`, all that are to be in the catalog. `journal`: has to be synced first.
  uint64_t add(const std::vector<catalog_change>& changes, bool journal, nanos now);
  // Whoever waited for the journal has it, or the reason why not; that is an answer at once.
  void journal_synced(const error& failure);
  // The catalog has these, up to change `number` each.
  void catalog_has(const std::vector<catalog_change>& told);
  // The catalog was compared with `s`: what `s` has nothing to tell about is there.
  void compared(const local_state& s);
  // Does the catalog have servers that take changes? Without any for as long as `patience`, nobody waits for it.
  void servers_there(bool yes, nanos now);
  void tick(nanos now);

  bool wait_for_journal() const { return for_journal_ > 0; }
  bool wait_for_catalog() const { return !keys_.empty(); }
  nanos next_deadline() const; // nanos::max() for never
  std::vector<answer> drain();

private:
  using key = std::pair<bool, std::string>;
  struct waiting {
    bool journal = false, catalog = false;
    std::set<std::pair<key, uint64_t>> missing; // in the catalog: what, and since which change
    nanos until{0};
  };
  using entries = std::map<uint64_t, waiting>;
  void shown(const key& k, uint64_t upto);
  entries::iterator settle(entries::iterator it); // the one after it
  void stop_waiting_for_catalog(waiting& w, uint64_t ticket);

  entries waiting_;                                         // by ticket, so by `until` as well
  std::map<key, std::set<std::pair<uint64_t, uint64_t>>> keys_; // change, ticket
  uint64_t tickets_ = 0, for_journal_ = 0;
  nanos away_since_{-1}; // -1: servers are there
  std::vector<answer> answers_;
};

} // namespace actord::agent
