#include "actors/raft/core/kept_log.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

namespace {
constexpr uint64_t mib = 1 << 20;
follower_need at(uint64_t match, bool present) {
  follower_need f;
  f.match = raft_index{match};
  f.present = present;
  return f;
}
} // namespace

TEST_CASE("what a follower needs is kept, whether it is there or restarts") {
  CHECK(cut_limit({at(900, true), at(700, true)}, 20 * mib, mib) == raft_index{700});
  CHECK(cut_limit({at(900, true), at(300, false)}, 15 * mib, 0) == raft_index{300});
  CHECK(cut_limit({at(900, true), at(300, false)}, 200 * mib, 74 * mib) == raft_index{300});
  CHECK(cut_limit({}, 200 * mib, 74 * mib) == raft_index{UINT64_MAX});
}

TEST_CASE("for a follower that is away a small snapshot is preferred to a log of many times its size") {
  CHECK(cut_limit({at(900, true), at(300, false)}, 41 * mib, 3 * mib) == raft_index{900});
  CHECK(cut_limit({at(900, true), at(300, false)}, 40 * mib, 10 * mib) == raft_index{300});
}

TEST_CASE("no follower holds up more than 256 MiB of log") {
  CHECK(cut_limit({at(900, true), at(300, false)}, 256 * mib, 1000 * mib) == raft_index{300});
  CHECK(cut_limit({at(900, true), at(300, false)}, 256 * mib + 1, 1000 * mib) == raft_index{UINT64_MAX});
}

TEST_CASE("what follows a snapshot on its way is kept") {
  auto f = at(10, true);
  f.sending = true;
  f.sent = raft_index{500};
  CHECK(cut_limit({f, at(900, true)}, 20 * mib, mib) == raft_index{500});
  f.sent.reset(); // none was begun: the next one to be written will do
  CHECK(cut_limit({f, at(900, true)}, 20 * mib, mib) == raft_index{900});
}
