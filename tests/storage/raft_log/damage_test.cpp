// A log whose file was damaged while nobody looked: every page in many ways, each of its files cut, emptied and gone. What
// counts: it opens as what it was, or says that it is damaged; never less than it was, never a fault.
#include "runtime/base/prng.hpp"
#include "storage/lmdb/cursor.hpp"
#include "storage/lmdb/key_codec.hpp"
#include "storage/lmdb/table.hpp"
#include "storage/raft_log/damaged_log.hpp"
#include "storage/raft_log/log_format.hpp"
#include "tests/storage/raft_log/log_folder.hpp"
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace actord;
using namespace actord::test;
namespace fs = std::filesystem;

namespace {

constexpr size_t page = 4096;

// 300 entries after a cut at 40, some longer than a page, configurations at 1 and 200, entries of a lost term replaced.
void make_log(const std::string& path) {
  auto log = log_store::open(path);
  REQUIRE(log.ok());
  prng random(5);
  std::vector<std::string> payloads;
  for (int i = 0; i < 341; ++i) payloads.emplace_back(i % 50 == 7 ? 9000 : random.below(400), static_cast<char>('a' + i % 26));
  for (uint64_t i = 1; i <= 340; ++i) {
    log_batch b;
    if (i == 250) {
      b.append.push_back(entry(i, 3, "will be replaced"));
      b.append.push_back(entry(i + 1, 3, "will go"));
      REQUIRE((*log)->write({&b, 1}).ok());
      b.append.clear();
    }
    if (i == 1 || i == 250) b.hard.emplace(raft_term{i == 1 ? 2U : 4U}, "server-1");
    b.append.push_back(entry(i, i < 100 ? 2 : i < 250 ? 3 : 4, payloads[i], i == 1 || i == 200 ? 2 : 1));
    REQUIRE((*log)->write({&b, 1}).ok());
  }
  REQUIRE((*log)->cut(raft_index{40}).ok());
}

enum class outcome { same, refused, less, fault };

// In a process of its own, because a fault is what must not happen.
outcome open_in_child(const std::string& path, const std::string& expected) {
  const auto child = ::fork();
  if (child == 0) {
    auto log = log_store::open(path);
    if (!log) ::_exit(log.err().code == errc::corrupt ? 1 : 2);
    ::_exit(contents(**log) == expected ? 0 : 2);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  if (!WIFEXITED(state)) return outcome::fault;
  return WEXITSTATUS(state) == 0 ? outcome::same : WEXITSTATUS(state) == 1 ? outcome::refused : outcome::less;
}

struct whole_log {
  log_folder f;
  std::string data, vote, expected;
  whole_log() {
    make_log(f.log());
    data = bytes_of(f.log() + "/data.mdb");
    vote = bytes_of(vote_path(f.log()));
    auto log = log_store::open(f.log());
    expected = contents(**log);
    log->reset();
    data = bytes_of(f.log() + "/data.mdb");
  }
  outcome with(const std::string& bytes) {
    put_bytes(f.log() + "/data.mdb", bytes);
    put_bytes(vote_path(f.log()), vote);
    fs::remove(f.log() + "/lock.mdb");
    return open_in_child(f.log(), expected);
  }
};

using change = void (*)(std::string& file, size_t at, prng& random);
void add16(std::string& file, size_t at, int by) {
  uint16_t v;
  std::memcpy(&v, file.data() + at, 2);
  v = static_cast<uint16_t>(v + by);
  std::memcpy(file.data() + at, &v, 2);
}
const std::pair<const char*, change> kinds[] = {
    {"zeroed", [](std::string& f, size_t at, prng&) { std::memset(f.data() + at, 0, page); }},
    {"an entry less", [](std::string& f, size_t at, prng&) { add16(f, at + 12, -2); }},
    {"an entry more", [](std::string& f, size_t at, prng&) { add16(f, at + 12, 2); }},
    {"room that it has not", [](std::string& f, size_t at, prng&) { add16(f, at + 14, -16); }},
    {"another kind", [](std::string& f, size_t at, prng&) { f[at + 10] = static_cast<char>(f[at + 10] ^ 3); }},
    {"another number", [](std::string& f, size_t at, prng&) { ++f[at]; }},
    {"a bit", [](std::string& f, size_t at, prng& r) { f[at + r.below(page)] ^= static_cast<char>(1 << r.below(8)); }},
    {"16 bits", [](std::string& f, size_t at, prng& r) { for (int i = 0; i < 16; ++i) f[at + r.below(page)] ^= static_cast<char>(1 << r.below(8)); }},
    {"noise", [](std::string& f, size_t at, prng& r) { for (size_t i = 0; i < page; ++i) f[at + i] = static_cast<char>(r()); }},
    {"its neighbour", [](std::string& f, size_t at, prng&) { std::memcpy(f.data() + at, f.data() + (at + page < f.size() ? at + page : at - page), page); }},
    {"half of it torn", [](std::string& f, size_t at, prng&) { std::memset(f.data() + at + page / 2, 0, page / 2); }},
};

} // namespace

TEST_CASE("each page of the log damaged in each way is noticed, or was of no use") {
  whole_log w;
  REQUIRE(w.with(w.data) == outcome::same);
  prng random(11);
  size_t noticed = 0, tried = 0;
  for (size_t at = 0; at < w.data.size(); at += page) {
    for (auto& [name, damage] : kinds) {
      auto bytes = w.data;
      damage(bytes, at, random);
      if (bytes == w.data) continue;
      const auto out = w.with(bytes);
      CAPTURE(at / page);
      CAPTURE(name);
      CHECK((out == outcome::same || out == outcome::refused));
      ++tried;
      noticed += out == outcome::refused;
    }
  }
  CHECK(noticed > tried / 4); // the rest is free pages and room between entries
}

TEST_CASE("a log that is cut, empty or gone is noticed") {
  whole_log w;
  for (const size_t size : {size_t{0}, size_t{1}, page, 2 * page, w.data.size() / 2, w.data.size() - page}) {
    CAPTURE(size);
    const auto out = w.with(w.data.substr(0, size));
    CHECK((out == outcome::refused || (size > w.data.size() / 2 && out == outcome::same))); // the last page may be one that nothing uses yet
  }
  fs::remove(w.f.log() + "/data.mdb");
  CHECK(open_in_child(w.f.log(), w.expected) == outcome::refused);
  CHECK(w.with(w.data + std::string(3 * page, 'x')) == outcome::same);
}

TEST_CASE("a damaged vote file is made anew from a whole log") {
  whole_log w;
  for (size_t at = 0; at < w.vote.size(); at += 3) {
    auto bytes = w.vote;
    bytes[at] ^= 0x10;
    put_bytes(vote_path(w.f.log()), bytes);
    CHECK(open_in_child(w.f.log(), w.expected) == outcome::same);
    auto kept = read_vote(w.f.log());
    REQUIRE(kept.ok());
    CHECK((*kept)->vote == "server-1");
  }
}

TEST_CASE("a vote that reached its file but not the log counts") {
  whole_log w;
  auto kept = read_vote(w.f.log());
  REQUIRE(kept.ok());
  auto next = **kept;
  next.term = raft_term{9};
  next.vote = "server-2";
  REQUIRE(write_vote(w.f.log(), next).ok());
  auto log = log_store::open(w.f.log());
  REQUIRE(log.ok());
  CHECK((*log)->hard_state() == std::pair{raft_term{9}, std::string("server-2")});
}

TEST_CASE("a log of before there were check values opens, and its new entries have them") {
  log_folder f;
  {
    auto env = lmdb::environment::open(f.log(), {.sync = true, .max_tables = 4});
    REQUIRE(env.ok());
    auto txn = lmdb::transaction::write(**env);
    const auto entries = lmdb::open_plain(txn, "entries"), meta = lmdb::open_plain(txn, "meta");
    for (uint64_t i = 1; i <= 3; ++i) {
      char key[8];
      lmdb::store_be64(key, i);
      auto* to = lmdb::append(txn, entries, {key, 8}, 12);
      lmdb::store_be64(to, 5);
      to[8] = 1;
      std::memcpy(to + 9, "old", 3);
    }
    std::string position(32, '\0');
    lmdb::store_be64(position.data() + 16, 9);
    lmdb::store_be64(position.data() + 24, 6);
    position += "server-7";
    lmdb::put(txn, lmdb::table{meta, 0}, "position", position);
    txn.commit();
  }
  for (int round = 0; round < 2; ++round) {
    auto log = log_store::open(f.log());
    REQUIRE(log.ok());
    CHECK((*log)->hard_state() == std::pair{raft_term{6}, std::string("server-7")});
    CHECK((*log)->last_index() == raft_index{3U + static_cast<unsigned>(round)});
    CHECK((*log)->entries(raft_index{1}, raft_index{3}, SIZE_MAX)->back().payload == "old");
    if (round > 0) continue;
    log_batch b;
    b.append.push_back(entry(4, 6, "new entry, unlike any other"));
    REQUIRE((*log)->write({&b, 1}).ok());
    CHECK((*log)->bytes_since_cut() == 36);
  }
  auto bytes = bytes_of(f.log() + "/data.mdb");
  for (auto at = bytes.find("new entry, unlike any other"); at != std::string::npos; at = bytes.find("new entry, unlike any other", at + 1)) bytes[at] = 'N';
  put_bytes(f.log() + "/data.mdb", bytes);
  auto log = log_store::open(f.log());
  REQUIRE_FALSE(log.ok());
  CHECK(log.err().code == errc::corrupt);
}

TEST_CASE("what a damaged log still holds after the state's index goes into a new one, and the old file is kept") {
  log_folder f;
  {
    auto log = log_store::open(f.log());
    log_batch b;
    b.hard.emplace(raft_term{2}, "server-1");
    const std::string_view mark = "the entry that will be damaged", other = "x";
    for (uint64_t i = 1; i <= 20; ++i) b.append.push_back(entry(i, 2, i == 12 ? mark : other, i == 1 ? 2 : 1));
    REQUIRE((*log)->write({&b, 1}).ok());
  }
  auto bytes = bytes_of(f.log() + "/data.mdb");
  for (auto at = bytes.find("the entry that will be"); at != std::string::npos; at = bytes.find("the entry that will be", at + 1)) bytes[at] ^= 1;
  put_bytes(f.log() + "/data.mdb", bytes);
  REQUIRE_FALSE(log_store::open(f.log()).ok());
  auto early = read_remains(f.log(), raft_index{5}), late = read_remains(f.log(), raft_index{12});
  REQUIRE((early.ok() && late.ok()));
  CHECK(early->last == raft_index{20});
  CHECK(early->hard->second == "server-1");
  REQUIRE(early->entries.size() == 6); // 6 to 11
  CHECK(early->after_term == raft_term{2});
  REQUIRE(late->entries.size() == 8); // 13 to 20
  late->after_term = raft_term{2};
  auto aside = begin_anew(f.log(), raft_index{12}, *late);
  REQUIRE(aside.ok());
  CHECK(bytes_of(*aside) == bytes);
  auto log = log_store::open(f.log());
  REQUIRE(log.ok());
  CHECK((*log)->compacted() == std::pair{raft_index{12}, raft_term{2}});
  CHECK((*log)->last_index() == raft_index{20});
  CHECK((*log)->hard_state() == std::pair{raft_term{2}, std::string("server-1")});
  REQUIRE((*log)->memberships().size() == 1);
  CHECK((*log)->memberships()[0].index == raft_index{1});
}

TEST_CASE("of a log in pieces the vote is known, and where it ended when it was closed in order") {
  whole_log w;
  REQUIRE(w.with(w.data.substr(0, w.data.size() / 2)) == outcome::refused);
  auto remains = read_remains(w.f.log(), raft_index{340});
  REQUIRE(remains.ok());
  CHECK(remains->hard == std::pair{raft_term{4}, std::string("server-1")});
  CHECK(remains->last == raft_index{340});
  CHECK(remains->after_term == raft_term{4});
  CHECK(remains->members.size() == 2);
  CHECK(remains->entries.empty());
}

TEST_CASE("a log that cannot be looked at has not lost its entries") {
  whole_log w;
  REQUIRE(w.with(w.data.substr(0, w.data.size() / 2)) == outcome::refused);
  const auto file = w.f.log() + "/data.mdb";
  std::filesystem::remove(file);
  std::filesystem::create_symlink("data.mdb", file);
  auto remains = read_remains(w.f.log(), raft_index{});
  REQUIRE_FALSE(remains.ok());
  CHECK(remains.err().text.find("too many levels of symbolic links") != std::string::npos);
}

TEST_CASE("a log that is only looked at stays as it is, byte by byte") {
  log_folder f, killed;
  std::string expected;
  {
    auto log = log_store::open(f.log());
    REQUIRE(log.ok());
    log_batch first, more;
    first.hard.emplace(raft_term{2}, "server-1");
    first.append.push_back(entry(1, 2, "one of the database"));
    more.append.push_back(entry(2, 2, "one of the journal"));
    REQUIRE((*log)->write({&first, 1}).ok());
    REQUIRE((*log)->write({&more, 1}).ok());
    REQUIRE_FALSE((*log)->is_settled());
    expected = contents(**log);
    fs::create_directory(killed.log());
    for (const char* name : {"/data.mdb", "/journal", "/vote"}) put_bytes(killed.log() + name, bytes_of(f.log() + name));
  }
  const auto all = [&] { return bytes_of(killed.log() + "/data.mdb") + bytes_of(killed.log() + "/journal") + bytes_of(vote_path(killed.log())); };
  const auto before = all();
  {
    auto log = log_store::open(killed.log(), {.on_trial = true});
    REQUIRE(log.ok());
    CHECK(contents(**log) == expected);
  }
  CHECK(all() == before);
  {
    auto log = log_store::open(killed.log(), {.on_trial = true});
    REQUIRE(log.ok());
    REQUIRE((*log)->accept().ok());
    CHECK((*log)->is_settled());
    CHECK(contents(**log) == expected);
  }
  CHECK(all() != before);
  auto log = log_store::open(killed.log());
  REQUIRE(log.ok());
  CHECK(contents(**log) == expected);
}

TEST_CASE("who refuses a log with an older journal can put the right one back") {
  log_folder f, killed;
  std::string expected, older;
  {
    auto log = log_store::open(f.log());
    REQUIRE(log.ok());
    log_batch first, second;
    first.append.push_back(entry(1, 2, "in both"));
    second.append.push_back(entry(2, 2, "in the newer one alone"));
    REQUIRE((*log)->write({&first, 1}).ok()); // the database takes the first over
    REQUIRE((*log)->settle().ok());
    older = bytes_of(f.log() + "/journal");
    REQUIRE((*log)->write({&second, 1}).ok());
    REQUIRE_FALSE((*log)->is_settled());
    expected = contents(**log);
    fs::create_directory(killed.log());
    for (const char* name : {"/data.mdb", "/journal", "/vote"}) put_bytes(killed.log() + name, bytes_of(f.log() + name));
  }
  const auto newer = bytes_of(killed.log() + "/journal");
  REQUIRE(newer != older);
  put_bytes(killed.log() + "/journal", older);
  {
    auto log = log_store::open(killed.log(), {.on_trial = true});
    REQUIRE(log.ok());
    CHECK((*log)->last_index() == raft_index{1}); // less than what the state has, say
  }
  put_bytes(killed.log() + "/journal", newer);
  auto log = log_store::open(killed.log());
  REQUIRE(log.ok());
  CHECK(contents(**log) == expected);
}

TEST_CASE("an older database in the place of one that was closed in order is damage") {
  log_folder f;
  const auto file = f.log() + "/data.mdb";
  const auto with = [&](uint64_t i) {
    auto log = log_store::open(f.log());
    REQUIRE(log.ok());
    log_batch b;
    b.append.push_back(entry(i, 2, "an entry"));
    REQUIRE((*log)->write({&b, 1}).ok());
  };
  with(1);
  const auto older = bytes_of(file);
  with(2);
  const auto newer = bytes_of(file);
  put_bytes(file, older);
  for (const bool on_trial : {false, true, false}) { // and stays it
    auto log = log_store::open(f.log(), {.on_trial = on_trial});
    REQUIRE_FALSE(log.ok());
    CHECK(log.err().code == errc::corrupt);
    CHECK(log.err().text.find("was closed with entry 2") != std::string::npos);
  }
  put_bytes(file, newer);
  auto log = log_store::open(f.log());
  REQUIRE(log.ok());
  CHECK((*log)->last_index() == raft_index{2});
}

TEST_CASE("damage below a log that is in use is told once, and nothing is written any more") {
  log_folder f;
  int told = 0;
  std::string before;
  const auto all = [&] { return bytes_of(f.log() + "/data.mdb") + bytes_of(f.log() + "/journal") + bytes_of(vote_path(f.log())); };
  const auto corrupt = [](const status& s) { return !s && s.err().code == errc::corrupt; };
  {
    auto log = log_store::open(f.log());
    REQUIRE(log.ok());
    (*log)->on_damage([&](const std::string&) { ++told; });
    log_batch b;
    for (uint64_t i = 1; i <= 300; ++i) b.append.push_back(entry(i, 1, "some bytes that take room in a page of the log's file"));
    REQUIRE((*log)->write({&b, 1}).ok());
    REQUIRE((*log)->settle().ok());
    auto bytes = bytes_of(f.log() + "/data.mdb");
    std::fstream file(f.log() + "/data.mdb", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * page);
    file << std::string(bytes.size() - 2 * page, '\0');
    file.close();
    before = all();
    auto read = (*log)->entries(raft_index{1}, raft_index{300}, SIZE_MAX);
    CHECK(corrupt(read ? status() : status(read.err())));
    CHECK(told == 1);
    b.append = {entry(301, 1, "of the journal")};
    CHECK(corrupt((*log)->write({&b, 1})));
    CHECK(corrupt((*log)->settle()));
    CHECK(corrupt((*log)->cut(raft_index{10})));
    CHECK(told == 1);
  }
  CHECK(all() == before);
}

TEST_CASE("a log whose file was removed or replaced below it refuses to write, and goes on to be read") {
  for (const bool replaced : {false, true}) {
    CAPTURE(replaced);
    log_folder f;
    auto log = log_store::open(f.log());
    REQUIRE(log.ok());
    log_batch b;
    b.append = {entry(1, 1, "before")};
    REQUIRE((*log)->write({&b, 1}).ok());
    CHECK_FALSE((*log)->is_gone());
    fs::remove(f.log() + "/data.mdb");
    if (replaced) put_bytes(f.log() + "/data.mdb", "another one");
    b.append = {entry(2, 1, "after")};
    const auto refused = (*log)->write({&b, 1});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.err().text.find("was removed or replaced") != std::string::npos);
    CHECK((*log)->is_gone());
    CHECK_FALSE((*log)->settle().ok());
    CHECK_FALSE((*log)->cut(raft_index{1}).ok());
    CHECK((*log)->last_index() == raft_index{1});
    CHECK((*log)->entries(raft_index{1}, raft_index{1}, SIZE_MAX)->front().payload == "before");
  }
}

TEST_CASE("a journal that was removed below the log is made again, and what it held is in the database") {
  log_folder f, killed;
  auto log = log_store::open(f.log());
  REQUIRE(log.ok());
  for (uint64_t i = 1; i <= 5; ++i) {
    log_batch b;
    b.append = {entry(i, 1, "an entry")};
    if (i == 4) fs::remove(f.log() + "/journal");
    REQUIRE((*log)->write({&b, 1}).ok());
  }
  CHECK(fs::exists(f.log() + "/journal"));
  fs::create_directory(killed.log());
  for (const char* name : {"/data.mdb", "/journal", "/vote"}) put_bytes(killed.log() + name, bytes_of(f.log() + name));
  auto again = log_store::open(killed.log());
  REQUIRE(again.ok());
  CHECK(contents(**again) == contents(**log));
}
