// The state says which level of commands it holds, so that a version that reads less neither opens it nor takes a copy.
#include "fixture.hpp"
#include "storage/command/row.hpp"
#include "storage/lmdb/environment.hpp"
#include "storage/lmdb/table.hpp"
#include "storage/state/tables.hpp"

using namespace actord;
using namespace actord::test;

namespace {

std::string query_command() {
  query_request r;
  r.op = "create";
  auto& q = r.query.emplace();
  q.id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";
  q.service.service = "web";
  return encode_command(command_kind::prepared_query, r);
}

// As a later version would have written it.
void say_level(const std::string& folder, std::string_view bytes) {
  auto env = lmdb::environment::open(folder, {.sync = false});
  REQUIRE(env.ok());
  auto txn = lmdb::transaction::write(**env);
  lmdb::table meta;
  lmdb::open_table(txn, "meta", meta);
  lmdb::put(txn, meta, "level", bytes);
  txn.commit();
}
std::string number(uint64_t n) {
  std::string out(8, '\0');
  lmdb::store_be64(out.data(), n);
  return out;
}

struct levels : store_fixture {
  std::string path = folder.path + "/state";
  void close() {
    reading.reset();
    store.reset();
  }
  error refusal() {
    auto opened = state_store::open({.path = path});
    REQUIRE_FALSE(opened.ok());
    return opened.err();
  }
};

} // namespace

TEST_CASE_FIXTURE(levels, "a state has the level of the newest command that it holds, over restarts and in copies") {
  kv("set", "a", "1");
  CHECK(store->command_level() == 1);
  run(query_command());
  CHECK(store->command_level() == 2);
  kv("set", "a", "2");
  reopen();
  CHECK(store->command_level() == 2);
  REQUIRE(store->write_snapshot().ok());
  const auto file = folder.path + "/arrived";
  std::filesystem::copy_file(store->snapshot_path(), file);
  store_fixture other;
  other.kv("set", "b", "1");
  CHECK(other.store->command_level() == 1);
  other.next = 100;
  REQUIRE(other.store->install_snapshot(file).ok());
  CHECK(other.store->command_level() == 2);
}

TEST_CASE_FIXTURE(levels, "a state with commands of a newer version is not opened, and nothing of it is changed") {
  kv("set", "a", "1");
  close();
  say_level(path, number(highest_command_level() + 1));
  for (int i = 0; i < 2; ++i) {
    const auto why = refusal();
    CHECK(why.code == errc::internal); // errc::corrupt: it would be thrown away for what the log has
    CHECK(why.text == "the state holds commands of level 3, of which this version reads those up to 2: bring this server to the version of the others");
  }
  say_level(path, number(highest_command_level()));
  store = open_store(path);
  reading = std::make_unique<reader>(*store);
  CHECK(get("a"));
}

TEST_CASE_FIXTURE(levels, "a copy with commands of a newer version is not taken") {
  kv("set", "a", "1");
  REQUIRE(store->write_snapshot().ok());
  const auto there = folder.path + "/copy";
  std::filesystem::create_directories(there);
  std::filesystem::copy_file(store->snapshot_path(), there + "/data.mdb");
  say_level(there, number(9));
  store_fixture other;
  other.kv("set", "b", "1");
  const auto taken = other.store->adopt_snapshot(there + "/data.mdb");
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.err().code == errc::internal);
  CHECK(taken.err().text.find("holds commands of level 9, of which this version reads those up to 2") != std::string::npos);
  CHECK(other.get("b"));
}

TEST_CASE_FIXTURE(levels, "a level that is no number is damage") {
  kv("set", "a", "1");
  close();
  say_level(path, "2");
  store = open_store(path); // rebuilt: the log has all of it
  CHECK(store->applied_index().v == 0);
}
