// Another server's snapshot takes the place of the state: all or nothing, with readers under way, wherever a crash comes.
#include "fixture.hpp"
#include <atomic>
#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace actord;
using namespace actord::test;

namespace {

void fill(state_store& s, uint64_t from, uint64_t to) {
  std::vector<apply_result> results;
  for (auto i = from; i <= to; ++i) {
    auto c = encode_kv_command(kv_set, "k/" + std::to_string(i), std::string(i % 7 == 0 ? 9000 : 20, 'v'));
    log_command one{raft_index{i}, c};
    REQUIRE(s.apply({&one, 1}, results).ok());
  }
}
size_t keys_in(reader& r) {
  query_meta m;
  return r.open().kv_keys("k/", "", m).size();
}
size_t keys_in(state_store& s) {
  reader r(s);
  return keys_in(r);
}

// A file as the transport leaves it: a copy of another server's durable snapshot, with keys k/1 … k/<upto>.
std::string arrived(const scratch_folder& folder, uint64_t upto) {
  scratch_folder other;
  auto s = open_store(other.path + "/state");
  fill(*s, 1, upto);
  REQUIRE(s->write_snapshot().ok());
  auto path = folder.path + "/arrived-" + std::to_string(upto);
  std::filesystem::copy_file(s->snapshot_path(), path);
  return path;
}

result<std::unique_ptr<state_store>> open_between(const std::string& path, uint64_t least, uint64_t most = UINT64_MAX) {
  store_options o{.path = path};
  o.least_applied = raft_index{least};
  o.most_applied = raft_index{most};
  return state_store::open(std::move(o));
}

void pretend_machine_crash(const std::string& folder) { std::ofstream(folder + "/run") << "another-boot\nopen\n"; }

size_t files_in(const std::string& folder) {
  size_t n = 0;
  for (auto& e : std::filesystem::directory_iterator(folder)) n += e.exists();
  return n;
}

} // namespace

TEST_CASE("an installed snapshot replaces the whole state, and entries after it are applied to it") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  auto s = open_store(path);
  std::vector<apply_result> results;
  auto old = encode_kv_command(kv_set, "gone", "x");
  log_command one{raft_index{1}, old};
  REQUIRE(s->apply({&one, 1}, results).ok());
  auto file = arrived(folder, 300);
  auto changes = s->install_snapshot(file);
  REQUIRE(changes.ok());
  CHECK(changes->everything);
  CHECK(changes->index.v == 300);
  CHECK(s->applied_index().v == 300);
  CHECK(s->snapshot_index().v == 300);
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(std::filesystem::exists(s->snapshot_path()));
  CHECK(keys_in(*s) == 300);
  {
    reader r(*s);
    kv_entry e;
    query_meta m;
    CHECK_FALSE(r.open().kv_get("gone", e, m));
    CHECK(r.open().kv_get("k/7", e, m));
    CHECK(e.value.size() == 9000);
    CHECK(e.modify_index == 7);
  }
  fill(*s, 301, 320);
  CHECK(s->write_snapshot()->v == 320);
  CHECK(files_in(path) == 4); // data.mdb, lock.mdb, run, one snapshot
  s.reset();
  s = open_store(path);
  CHECK(s->applied_index().v == 320);
  CHECK(keys_in(*s) == 320);
}

TEST_CASE("a view that is open during an installation stays as it was, and the next one of its reader is new") {
  scratch_folder folder;
  auto s = open_store(folder.path + "/state");
  fill(*s, 1, 50);
  reader r(*s), idle(*s);
  CHECK(keys_in(idle) == 50);
  auto file = arrived(folder, 400);
  {
    auto view = r.open();
    REQUIRE(s->install_snapshot(file).ok());
    query_meta m;
    CHECK(view.applied_index().v == 50);
    CHECK(view.kv_keys("k/", "", m).size() == 50);
  }
  CHECK(keys_in(r) == 400);
  CHECK(keys_in(idle) == 400);
  CHECK(r.open().applied_index().v == 400);
}

TEST_CASE("a snapshot that is not newer than the state changes nothing") {
  scratch_folder folder;
  auto s = open_store(folder.path + "/state");
  fill(*s, 1, 200);
  auto changes = s->install_snapshot(arrived(folder, 150));
  REQUIRE(changes.ok());
  CHECK_FALSE(changes->everything);
  CHECK(s->applied_index().v == 200);
  CHECK(keys_in(*s) == 200);
}

TEST_CASE("what is no snapshot of ours is refused, and the state stays") {
  scratch_folder folder;
  auto s = open_store(folder.path + "/state");
  fill(*s, 1, 20);
  auto file = arrived(folder, 300);
  auto whole = std::filesystem::file_size(file);
  auto bytes = [&] {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  auto refused = [&](const std::string& content) {
    auto bad = folder.path + "/bad";
    std::ofstream(bad, std::ios::binary) << content;
    auto r = s->install_snapshot(bad);
    REQUIRE_FALSE(r.ok());
    CHECK(r.err().code == errc::corrupt);
    CHECK_FALSE(r.err().text.empty());
  };
  refused("");
  refused("not a database");
  refused(std::string(100000, '\0'));
  refused(std::string(100000, '\xff'));
  refused(bytes.substr(0, whole - 4096));
  refused(bytes.substr(0, 8192));
  auto no_page_size = bytes;
  for (size_t page : {size_t{0}, size_t{4096}}) no_page_size.replace(page + 40, 4, std::string(4, '\0'));
  refused(no_page_size);
  CHECK_FALSE(s->install_snapshot(folder.path + "/absent").ok());
  CHECK(s->applied_index().v == 20);
  CHECK(keys_in(*s) == 20);
  CHECK(s->snapshot_index().v == 0);
  CHECK(s->snapshot_path().empty());
  { // a database, but no state
    scratch_folder other;
    auto empty = open_store(other.path + "/state");
    REQUIRE(empty->write_snapshot().ok());
    CHECK_FALSE(s->adopt_snapshot(other.path + "/state/snapshot-00000000000000000000.mdb").ok());
  }
  CHECK(s->install_snapshot(file).ok());
}

TEST_CASE("a state that the log has left behind follows from the adopted snapshot when it is opened") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  {
    auto s = open_store(path);
    fill(*s, 1, 30);
    REQUIRE(s->write_snapshot().ok());
    fill(*s, 31, 40);
    auto index = s->adopt_snapshot(arrived(folder, 250));
    REQUIRE(index.ok());
    CHECK(index->v == 250);
    CHECK(s->applied_index().v == 40);
  } // stopped before the state was installed
  SUBCASE("the log was restored to the snapshot") {
    auto s = open_between(path, 250, 250);
    REQUIRE(s.ok());
    CHECK((*s)->applied_index().v == 250);
    CHECK(keys_in(**s) == 250);
  }
  SUBCASE("the log was not restored, and the machine went down: the older snapshot serves") {
    pretend_machine_crash(path);
    auto s = open_between(path, 0, 45);
    REQUIRE(s.ok());
    CHECK((*s)->applied_index().v == 30);
    CHECK(keys_in(**s) == 30);
  }
  SUBCASE("the log begins after every snapshot: an error, and nothing is thrown away") {
    auto s = open_between(path, 251);
    REQUIRE_FALSE(s.ok());
    CHECK(s.err().text.find("251") != std::string::npos);
    auto again = open_store(path);
    CHECK(again->applied_index().v == 40);
  }
}

TEST_CASE("an empty folder under a log that was cut is an error rather than an empty state") {
  scratch_folder folder;
  CHECK_FALSE(open_between(folder.path + "/state", 7).ok());
}

TEST_CASE("a process killed while it installs snapshots leaves a whole state, and no leftovers after the next start") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  std::vector<std::string> files;
  for (uint64_t upto = 20; upto <= 200; upto += 20) files.push_back(arrived(folder, upto));
  for (size_t round = 0; round < files.size(); ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto child = ::fork();
    if (child == 0) {
      auto s = state_store::open({.path = path});
      if (!s.ok() || ::write(ends[1], "s", 1) != 1) ::_exit(1);
      for (auto& f : files)
        if (std::filesystem::exists(f) && !(*s)->install_snapshot(f)) ::_exit(1);
      ::pause();
    }
    ::close(ends[1]);
    char started = 0;
    CHECK(::read(ends[0], &started, 1) == 1);
    for (size_t spin = 0; spin < round * 40; ++spin) std::this_thread::yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
    auto s = open_store(path);
    CHECK(s->applied_index().v % 20 == 0);
    CHECK(keys_in(*s) == s->applied_index().v);
    CHECK_FALSE(std::filesystem::exists(path + "/next.tmp"));
  }
}

TEST_CASE("readers and durable snapshots go on while snapshots are installed") {
  scratch_folder folder;
  auto s = open_store(folder.path + "/state");
  fill(*s, 1, 10);
  std::vector<std::string> files;
  for (uint64_t upto = 50; upto <= 250; upto += 50) files.push_back(arrived(folder, upto));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int n = 0; n < 2; ++n)
    threads.emplace_back([&] {
      reader r(*s);
      while (!done) {
        auto view = r.open();
        query_meta m;
        if (view.kv_keys("k/", "", m).size() != view.applied_index().v) ++wrong;
      }
    });
  threads.emplace_back([&] {
    while (!done)
      if (!s->write_snapshot()) ++wrong;
  });
  for (auto& f : files) {
    auto r = s->install_snapshot(f);
    if (!r.ok()) ++wrong;
    fill(*s, s->applied_index().v + 1, s->applied_index().v + 20);
  }
  done = true;
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(s->applied_index().v == 270);
}

TEST_CASE("an adopted snapshot is not used where the log holds other entries") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  {
    auto s = open_store(path);
    fill(*s, 1, 40);
    REQUIRE(s->adopt_snapshot(arrived(folder, 250)).ok());
  }
  pretend_machine_crash(path);
  auto s = open_between(path, 0, 300); // the log is longer, but was never restored to the snapshot
  REQUIRE(s.ok());
  CHECK((*s)->applied_index().v == 0);
}
