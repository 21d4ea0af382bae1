#include "fixture.hpp"

using namespace actord;
using namespace actord::test;

namespace {
std::string set(uint64_t trailing, bool cas = false, uint64_t expected = 0) {
  autopilot_request r;
  r.datacenter = "dc1";
  r.config.max_trailing_logs = trailing;
  r.config.last_contact_threshold = std::chrono::milliseconds(200);
  r.config.create_index = 77; // what a client sends here counts for nothing
  r.config.modify_index = expected;
  r.cas = cas;
  return encode_command(command_kind::autopilot_set, r);
}
} // namespace

TEST_CASE_FIXTURE(store_fixture, "the autopilot configuration is there once it was written, and keeps its first index") {
  query_meta m;
  CHECK_FALSE(reading->open().autopilot(m));
  CHECK_FALSE(run(set(5, true, 3)).value);
  CHECK_FALSE(reading->open().autopilot(m));
  auto first = run(set(250, true, 0)).index; // 0: none yet
  CHECK_FALSE(run(set(251, true, 0)).value);
  auto second = run(set(300)).index;
  auto c = reading->open().autopilot(m);
  REQUIRE(c);
  CHECK(c->max_trailing_logs == 300);
  CHECK(c->last_contact_threshold == std::chrono::milliseconds(200));
  CHECK(c->create_index == first);
  CHECK(c->modify_index == second);
  CHECK(m.index == second);
  reopen();
  CHECK(reading->open().autopilot(m)->max_trailing_logs == 300);
}

TEST_CASE_FIXTURE(store_fixture, "a conditional change of the autopilot configuration needs the index that is there") {
  auto at = run(set(1)).index;
  CHECK_FALSE(run(set(2, true, at - 1)).value);
  query_meta m;
  CHECK(reading->open().autopilot(m)->max_trailing_logs == 1);
  CHECK(run(set(2, true, at)).value);
  CHECK(reading->open().autopilot(m)->max_trailing_logs == 2);
  CHECK_FALSE(run(set(3, true, at)).value);
}
