// A state that is sound by itself and yet not what the other servers have.
#include "fixture.hpp"
#include <fstream>

using namespace actord;
using namespace actord::test;

namespace {

void put(state_store& s, uint64_t from, uint64_t upto, const std::string& value = "v") {
  std::vector<apply_result> results;
  for (auto i = from; i <= upto; ++i) {
    const auto command = encode_kv_command(kv_set, "k/" + std::to_string(i), value);
    const log_command one{raft_index{i}, command};
    REQUIRE(s.apply({&one, 1}, results).ok());
  }
}
uint64_t keys_in(state_store& s) {
  uint64_t n = 0;
  query_meta m;
  reader r(s);
  auto view = r.open();
  view.kv_list("", m, [&](const kv_entry&) { return ++n, true; });
  REQUIRE_FALSE(view.failed());
  return n;
}
bool exists(const std::string& path) { return std::filesystem::exists(path); }

} // namespace

TEST_CASE("the digests of the newest moments are remembered, and for longer those at regular indexes") {
  scratch_folder folder;
  auto s = open_store(folder.path + "/state");
  put(*s, 1, 200);
  CHECK(s->digest_at(raft_index{200}) == s->digest().value);
  CHECK(s->digest_at(raft_index{190}) != 0);
  CHECK(s->digest_at(raft_index{1}) == 0);
  // One batch over a multiple, then many small ones: newest() is of the last, the multiple is still there.
  std::vector<std::string> commands;
  std::vector<log_command> batch;
  std::vector<apply_result> results;
  for (auto i = digest_interval - 10; i < digest_interval + 10; ++i) commands.push_back(encode_kv_command(kv_set, "b", std::to_string(i)));
  for (size_t i = 0; i < commands.size(); ++i) batch.push_back({raft_index{digest_interval - 10 + i}, commands[i]});
  REQUIRE(s->apply(batch, results).ok());
  const auto at = s->digest_at(raft_index{digest_interval});
  CHECK(at != 0);
  put(*s, digest_interval + 10, digest_interval + 300);
  CHECK(s->digest_at(raft_index{digest_interval}) == at);
  CHECK(s->digests().size() == 49);
  // The same entries in other batches come to the same.
  scratch_folder other_folder;
  auto other = open_store(other_folder.path + "/state");
  put(*other, 1, 200);
  for (auto& one : batch) REQUIRE(other->apply({&one, 1}, results).ok());
  CHECK(other->digest_at(raft_index{digest_interval}) == at);
}

TEST_CASE("after a difference neither the state nor its snapshots are believed, and the log brings everything") {
  scratch_folder folder;
  const auto path = folder.path + "/state";
  std::string snapshot;
  {
    auto s = open_store(path);
    put(*s, 1, 20);
    put(*s, 20, 20, "not what the log says");
    REQUIRE(s->write_snapshot().ok());
    snapshot = s->snapshot_path();
    std::string told;
    s->on_damage([&](const std::string& what) { told = what; });
    s->note_difference("after entry 20");
    CHECK(told == "after entry 20");
    REQUIRE(s->is_damaged());
    reader r(*s);
    auto view = r.open();
    query_meta m;
    kv_entry e;
    CHECK_FALSE(view.kv_get("k/1", e, m));
    CHECK(view.failed());
  }
  CHECK(exists(snapshot));
  store_options o{.path = path};
  o.most_applied = raft_index{20};
  auto s = state_store::open(o);
  REQUIRE_MESSAGE(s.ok(), s.err().text);
  CHECK((*s)->applied_index().v == 0);
  CHECK((*s)->snapshot_index().v == 0);
  CHECK(exists(snapshot + ".damaged"));
  put(**s, 1, 20);
  scratch_folder right_folder;
  auto right = open_store(right_folder.path + "/state");
  put(*right, 1, 20);
  CHECK((*s)->digest().value == right->digest().value);
}

TEST_CASE("where the log does not reach after a difference, the start fails and touches nothing, until it is left to others") {
  scratch_folder folder;
  const auto path = folder.path + "/state";
  {
    auto s = open_store(path);
    put(*s, 1, 20);
    REQUIRE(s->write_snapshot().ok());
    s->note_difference("after entry 20");
  }
  store_options o{.path = path};
  o.least_applied = raft_index{10};
  o.most_applied = raft_index{20};
  for (int n = 0; n < 2; ++n) {
    auto s = state_store::open(o);
    REQUIRE_FALSE(s.ok());
    CHECK(s.err().code == errc::corrupt);
    CHECK(s.err().text.find("Nothing was changed") != std::string::npos);
    CHECK(exists(path + "/data.mdb"));
  }
  o.least_applied = o.most_applied = {};
  o.begin_empty = true;
  {
    auto s = state_store::open(o);
    REQUIRE_MESSAGE(s.ok(), s.err().text);
    CHECK((*s)->applied_index().v == 0);
    CHECK((*s)->snapshot_index().v == 0);
    CHECK(keys_in(**s) == 0);
    CHECK(exists(path + "/data.mdb.damaged"));
    put(**s, 1, 3);
  }
  o.begin_empty = false;
  o.most_applied = raft_index{3};
  auto s = state_store::open(o);
  REQUIRE_MESSAGE(s.ok(), s.err().text);
  CHECK(keys_in(**s) == 3);
}
