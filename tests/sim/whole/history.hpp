// What clients of whole nodes asked and were told, and whether one order explains it. Keys 0 to 2 are objects of their own;
// keys 3 and 4, which transactions touch together, are one object.
#pragma once
#include "tests/sim/linear_search.hpp"
#include <array>
#include <string>
#include <vector>

namespace actord::sim::whole {

constexpr uint8_t key_count = 5, first_paired_key = 3;

// Values are numbers that are written at most once each, so that a read tells which write it saw; 0 is "absent".
enum class verb : uint8_t { get, set, erase, cas, erase_cas };
std::string_view name_of(verb v);

struct step { // of a transaction; other operations are one step by themselves
  verb what = verb::get;
  uint8_t key = 0;
  uint32_t value = 0;    // set, cas
  uint32_t expected = 0; // cas, erase_cas: the value whose ModifyIndex was given
  uint32_t seen = 0;     // get
};

struct operation {
  std::array<step, 2> steps;
  uint8_t count = 1;
  bool in_transaction = false;
  bool done = true;      // what the client was told: it took effect (a read: it was answered); a refusal is an answer too
  uint64_t invoked = 0, returned = 0; // stamps; 0: it was never told
  bool only_reads() const;
};
std::string describe(const operation& o);

struct search_result {
  verdict worst = verdict::linearizable;
  uint64_t undecided = 0; // objects
  std::string failure;    // of the first object that was violated
};
search_result check(const std::vector<operation>& history, size_t max_steps);

} // namespace actord::sim::whole
