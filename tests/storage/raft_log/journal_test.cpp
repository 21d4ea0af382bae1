// The journal in front of the log: crashes at any moment, with any part of the write that they interrupt on the disk; damage while nobody
// looked; disks that fail. A twin says what the log has to be.
#include "runtime/base/prng.hpp"
#include "storage/raft_log/damaged_log.hpp"
#include "storage/raft_log/journal_file.hpp"
#include "storage/raft_log/journal_format.hpp"
#include "storage/raft_log/log_format.hpp"
#include "storage/raft_log/vote_file.hpp"
#include "tests/storage/raft_log/log_folder.hpp"
#include <algorithm>
#include <csignal>
#include <map>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

using namespace actord;
using namespace actord::test;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t journal_bytes = 128 << 10;
constexpr size_t sector = journal_format::sector_bytes;
const log_options options{.journal_bytes = journal_bytes};

fs::path in_memory() { return fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path(); }

std::unique_ptr<log_store> open_log(const log_folder& f, const log_options& o = options) {
  auto log = log_store::open(f.log(), o);
  if (!log) FAIL(log.err().text);
  return std::move(*log);
}
bool write(log_store& log, const log_batch& b) { return log.write({&b, 1}).ok(); }
log_batch one(uint64_t i, uint64_t term, std::string_view payload) {
  log_batch b;
  b.append.push_back(entry(i, term, payload));
  return b;
}

struct twin {
  struct item {
    uint64_t term = 0;
    uint8_t kind = 0;
    std::string payload;
  };
  uint64_t cut = 0, cut_term = 0, term = 0;
  std::string vote;
  std::map<uint64_t, item> entries;
  std::map<uint64_t, std::pair<uint64_t, std::string>> members;

  uint64_t last() const { return entries.empty() ? cut : entries.rbegin()->first; }
  void append(uint64_t i, item e) {
    entries.erase(entries.lower_bound(i), entries.end());
    members.erase(members.lower_bound(i), members.end());
    if (e.kind == 2) members[i] = {e.term, e.payload};
    entries[i] = std::move(e);
  }
  void cut_to(uint64_t i) {
    cut_term = entries.at(i).term;
    cut = i;
    entries.erase(entries.begin(), entries.upper_bound(i));
    while (members.size() > 1 && std::next(members.begin())->first <= cut) members.erase(members.begin());
  }
  std::string text() const {
    std::string out = std::to_string(cut) + "/" + std::to_string(cut_term) + " " + vote + std::to_string(term);
    for (auto& [i, m] : members) out += "\n" + std::to_string(i) + " " + std::to_string(m.first) + " 2 " + m.second;
    for (auto& [i, e] : entries) out += "\n" + std::to_string(i) + " " + std::to_string(e.term) + " " + std::to_string(e.kind) + " " + e.payload;
    return out;
  }
};

struct image { // of the files, as they are on the disk
  std::string data, vote, journal;
  explicit image(const log_folder& f) : data(bytes_of(f.log() + "/data.mdb")), vote(bytes_of(vote_path(f.log()))), journal(bytes_of(journal_file::path_in(f.log()))) {}
  void put(const log_folder& f) const {
    fs::remove_all(f.log());
    fs::create_directory(f.log());
    put_bytes(f.log() + "/data.mdb", data);
    put_bytes(vote_path(f.log()), vote);
    put_bytes(journal_file::path_in(f.log()), journal);
  }
  std::string opened() const { // twice, for a start changes it
    log_folder f(in_memory());
    put(f);
    std::string seen;
    for (int round = 0; round < 2; ++round) {
      auto log = log_store::open(f.log(), options);
      if (!log) return log.err().text;
      if (round > 0 && contents(**log) != seen) return "another one when it is opened again";
      seen = contents(**log);
    }
    return seen;
  }
};

// Some sectors of a write that a crash interrupts.
std::string torn(const std::string& before, const std::string& after, prng& random, bool& all) {
  std::string out = before;
  all = true;
  const auto share = 0.1 + 0.2 * static_cast<double>(random.below(5));
  for (size_t at = 0; at < after.size(); at += sector) {
    if (before.compare(at, sector, after, at, sector) == 0) continue;
    if (random.chance(share)) out.replace(at, sector, after, at, sector);
    else all = false;
  }
  return out;
}

// Draws something that Raft may ask for, does it to the log, and says what the log is to be then.
void change(log_store& log, twin& t, prng& random) {
  const auto what = random.below(20);
  if (what == 0) {
    CHECK(log.settle().ok());
    return;
  }
  if (what == 1 && !t.entries.empty()) {
    const auto upto = random.between(t.cut + 1, t.last());
    CHECK(log.cut(raft_index{upto}).ok());
    return t.cut_to(upto);
  }
  std::vector<log_batch> batches(random.between(1, 3));
  std::vector<std::string> payloads;
  payloads.reserve(64);
  for (auto& b : batches) {
    if (what == 2) {
      t.term += 1;
      t.vote = random.chance(0.5) ? "me" : "";
      b.hard.emplace(raft_term{t.term}, t.vote);
    }
    const bool conflicts = what <= 5 && t.last() > t.cut;
    if (conflicts && random.chance(0.5)) b.hard.emplace(raft_term{++t.term}, t.vote = "");
    auto at = conflicts ? random.between(std::max(t.cut + 1, t.last() > 4 ? t.last() - 4 : 1), t.last()) : t.last() + 1;
    const auto least_term = t.entries.empty() ? t.cut_term : t.entries.rbegin()->second.term;
    for (uint64_t n = random.between(1, 5); n > 0; --n, ++at) {
      const uint8_t kind = random.below(40) == 0 ? 2 : 1;
      payloads.push_back(std::string(random.below(6) == 0 ? random.below(9000) : random.below(300), static_cast<char>('a' + random.below(26))));
      b.append.push_back(entry(at, std::max(least_term, t.term), payloads.back(), kind));
      t.append(at, {std::max(least_term, t.term), kind, payloads.back()});
    }
  }
  const auto s = log.write(batches);
  CHECK(s.ok());
}

} // namespace

TEST_CASE("whatever a crash leaves of what it interrupts, the log is as before or as after, and what was acknowledged is there") {
  size_t through_journal = 0, torn_away = 0;
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    prng random(seed);
    log_folder f(in_memory());
    auto log = open_log(f);
    twin t;
    for (int step = 0; step < 40; ++step) {
      CAPTURE(step);
      const image before(f);
      const auto was = t.text();
      change(*log, t, random);
      REQUIRE(contents(*log) == t.text());
      const image after(f);
      REQUIRE(after.opened() == t.text());
      if (before.data == after.data && before.journal != after.journal) {
        ++through_journal;
        for (int n = 0; n < 2; ++n) {
          auto between = before;
          bool all = false;
          between.journal = torn(before.journal, after.journal, random, all);
          torn_away += !all;
          REQUIRE(between.opened() == (all ? t.text() : was));
        }
      } else {
        auto between = before; // the vote is written first
        between.vote = after.vote;
        const auto seen = between.opened();
        CHECK(seen.substr(0, seen.find(' ')) == was.substr(0, was.find(' ')));
        CHECK((was.find('\n') == std::string::npos || seen.substr(std::min(seen.size(), seen.find('\n'))) == was.substr(was.find('\n'))));
      }
      if (random.below(12) == 0) {
        log.reset();
        log = open_log(f);
        REQUIRE(contents(*log) == t.text());
      }
      if (random.below(12) == 0) { // it dies, and goes on from what is there
        const image now(f);
        log.reset();
        now.put(f);
        log = open_log(f);
        REQUIRE(contents(*log) == t.text());
      }
    }
  }
  CHECK(through_journal > 300);
  CHECK(torn_away > 300);
}

namespace {

// Written by a process that died: five entries in the database, twenty batches in the journal.
struct left_log {
  log_folder f{in_memory()};
  std::string expected;
  left_log() {
    const auto child = ::fork();
    if (child == 0) {
      auto log = log_store::open(f.log(), options);
      log_batch b;
      b.hard.emplace(raft_term{2}, "me");
      for (uint64_t i = 1; i <= 5; ++i) b.append.push_back(entry(i, 2, "taken over", i == 1 ? 2 : 1));
      bool good = log.ok() && write(**log, b);
      for (uint64_t i = 6; i <= 25 && good; ++i) good = write(**log, one(i, 2, std::string(20 * i, static_cast<char>('a' + i))));
      ::_exit(good ? 0 : 1);
    }
    int state = 0;
    ::waitpid(child, &state, 0);
    REQUIRE((WIFEXITED(state) && WEXITSTATUS(state) == 0));
    expected = whole().opened();
    REQUIRE(expected.find("\n25 2 1 zzz") != std::string::npos);
  }
  image whole() const { return image(f); }
};
constexpr size_t used_bytes = 20 * journal_format::unit_bytes; // by those twenty batches

bool is_told(const std::string& text) { return text.find("is damaged: ") != std::string::npos; }

} // namespace

TEST_CASE("each sector of a journal in use damaged in each way is told, and room that is not used may be damaged") {
  const left_log left;
  const auto whole = left.whole();
  prng random(3);
  for (size_t at = 0; at < journal_bytes; at += sector) {
    CAPTURE(at);
    for (int way = 0; way < 5; ++way) {
      CAPTURE(way);
      auto now = whole;
      char* here = now.journal.data() + at;
      if (way == 0) std::fill_n(here, sector, '\0');
      if (way == 1) here[random.below(sector)] ^= static_cast<char>(1 << random.below(8));
      if (way == 2) std::generate_n(here, sector, [&] { return static_cast<char>(random()); });
      if (way == 3) now.journal.replace(at, sector, whole.journal, at == 0 ? sector : at - sector, sector);
      if (way == 4) now.journal.replace(at, sector, whole.journal, (at + 8 * sector) % journal_bytes, sector);
      const auto seen = now.opened();
      if (at < used_bytes + sector) CHECK(is_told(seen));
      else CHECK((seen == left.expected || is_told(seen)));
    }
  }
}

TEST_CASE("a journal that is cut, gone or another one is told") {
  const left_log left;
  for (const size_t size : {size_t{0}, size_t{1}, sector, used_bytes / 2, used_bytes}) {
    CAPTURE(size);
    auto now = left.whole();
    now.journal.resize(size);
    CHECK(is_told(now.opened()));
  }
  auto longer = left.whole(), shorter = left.whole();
  longer.journal += "more";
  shorter.journal.resize(journal_bytes - sector); // what is missing was never used
  CHECK(longer.opened() == left.expected);
  CHECK(shorter.opened() == left.expected);
  left.whole().put(left.f);
  fs::remove(journal_file::path_in(left.f.log()));
  auto log = log_store::open(left.f.log(), options);
  REQUIRE_FALSE(log.ok());
  CHECK(log.err().code == errc::corrupt);
}

TEST_CASE("a batch that the disk lost although it said that it had it is told by those that follow") {
  const left_log left;
  std::string made(journal_bytes, '\0');
  journal_format::frame_nothing(0, made.data(), made.size());
  for (size_t batch = 0; batch < 20; ++batch) {
    CAPTURE(batch);
    auto now = left.whole();
    const auto at = batch * journal_format::unit_bytes;
    now.journal.replace(at, journal_format::unit_bytes, made, at, journal_format::unit_bytes);
    const auto seen = now.opened();
    if (batch < 19) CHECK(is_told(seen));
    else CHECK(seen == left.expected.substr(0, left.expected.find("\n25 "))); // as if it had never been written
  }
}

TEST_CASE("what a value says cannot be taken for a part of the journal") {
  log_folder f(in_memory());
  const left_log left;
  auto log = open_log(f);
  const auto others = left.whole().journal;
  std::string expected;
  for (uint64_t i = 1; i <= 12; ++i) CHECK(write(*log, one(i, 1, std::string_view(others).substr(i * 100, 8000))));
  expected = contents(*log);
  const image now(f);
  CHECK(now.opened() == expected);
}

TEST_CASE("of a log with a damaged journal what precedes the damage is kept, and where it ended is not known") {
  const left_log left;
  auto now = left.whole();
  now.journal[10 * journal_format::unit_bytes + 700] ^= 1;
  now.put(left.f);
  REQUIRE_FALSE(log_store::open(left.f.log(), options).ok());
  auto remains = read_remains(left.f.log(), raft_index{3});
  REQUIRE(remains.ok());
  CHECK_FALSE(remains->last.has_value());
  REQUIRE(remains->entries.size() == 12); // 4 and 5, and ten batches
  CHECK(remains->entries.back().index == raft_index{15});
  auto aside = begin_anew(left.f.log(), raft_index{3}, *remains);
  REQUIRE(aside.ok());
  CHECK(bytes_of(*aside) == now.data);
  auto log = open_log(left.f);
  CHECK(log->last_index() == raft_index{15});
  CHECK(write(*log, one(16, 2, "x")));
  CHECK(write(*log, one(17, 2, "x")));
  bool kept = false;
  for (auto& file : fs::directory_iterator(left.f.log())) kept = kept || (file.path().filename().string().starts_with("journal.damaged-") && bytes_of(file.path().string()) == now.journal);
  CHECK(kept);
}

TEST_CASE("of a log with a damaged database the journal still says how it ended") {
  const left_log left;
  auto now = left.whole();
  for (auto at = now.data.find("taken over"); at != std::string::npos; at = now.data.find("taken over", at + 1)) now.data[at] ^= 1;
  now.put(left.f);
  REQUIRE_FALSE(log_store::open(left.f.log(), options).ok());
  auto remains = read_remains(left.f.log(), raft_index{5});
  REQUIRE(remains.ok());
  CHECK(remains->last == raft_index{25});
  CHECK(remains->entries.size() == 20);
}

TEST_CASE("closed in order, the journal holds nothing, and a program that knows none may use the database") {
  log_folder f;
  {
    auto log = open_log(f);
    for (uint64_t i = 1; i <= 9; ++i) CHECK(write(*log, one(i, 1, "x")));
    CHECK_FALSE(log->is_settled());
    auto running = image(f);
    running.journal.clear();
    CHECK(is_told(running.opened()));
  }
  fs::remove(journal_file::path_in(f.log()));
  auto log = open_log(f, {.journal_bytes = 0});
  CHECK(log->last_index() == raft_index{9});
}

TEST_CASE("the record of a log whose journal is in use is damage to a program from before there was one") {
  log_format::position p{raft_index{3}, raft_term{1}, 100, raft_term{2}, "me", std::pair{raft_index{9}, raft_term{2}}, {}};
  const auto before = log_format::encode(p);
  p.journal = log_format::journal_mark{77, 4096};
  const auto now = log_format::encode(p);
  CHECK(now.substr(0, 48) == before.substr(0, 48));
  CHECK(now.substr(48, 8) != before.substr(48, 8));
  auto read = log_format::decode_position(now);
  REQUIRE((read && read->journal));
  CHECK(read->journal->generation == 77);
  CHECK(read->vote == "me");
  for (size_t at = 0; at < now.size(); ++at) {
    auto other = now;
    other[at] ^= 1;
    auto r = log_format::decode_position(other);
    CHECK((!r || at == 16)); // the form before check values has a bit of that byte
  }
}

TEST_CASE("a log with as many entries as it likes settles by itself, also where the writer never asks for it") {
  log_folder f(in_memory());
  auto log = open_log(f);
  twin t;
  for (uint64_t i = 1; i <= 200; ++i) {
    const std::string payload(i % 7 * 100, 'p');
    CHECK(write(*log, one(i, 1, payload)));
    t.append(i, {1, 1, payload});
  }
  CHECK(log->sync_count() == 200);
  CHECK(contents(*log) == t.text());
  CHECK(log->bytes_appended() == log->bytes_since_cut());
  auto some = log->entries(raft_index{150}, raft_index{200}, 2000); // from both
  REQUIRE(some.ok());
  CHECK(some->front().index == raft_index{150});
  CHECK(some->size() < 15);
  CHECK(log->term(raft_index{200})->v == 1);
}

TEST_CASE("where the journal cannot be written the database takes everything, and nothing is lost") {
  log_folder f(in_memory());
  std::atomic<bool> fails{false};
  auto o = options;
  o.power_fails = &fails;
  auto log = open_log(f, o);
  for (uint64_t i = 1; i <= 40; ++i) {
    fails = i % 3 == 0;
    CHECK(write(*log, one(i, 1, std::string(i * 50, 'x'))));
    CHECK(image(f).opened() == contents(*log));
  }
  CHECK(log->last_index() == raft_index{40});
}

TEST_CASE("a disk that is full between the journal and the database refuses, and keeps what was acknowledged") {
  log_folder f(in_memory());
  std::atomic<bool> full{false};
  auto o = options;
  o.full = &full;
  auto log = open_log(f, o);
  uint64_t i = 0;
  for (int round = 0; round < 4; ++round) {
    for (int n = 0; n < 5; ++n) CHECK(write(*log, one(++i, 1, "x")));
    CHECK_FALSE(log->is_settled());
    const auto expected = contents(*log);
    full = true;
    CHECK_FALSE(write(*log, one(i + 1, 1, "y")));
    CHECK_FALSE(log->settle().ok());
    CHECK_FALSE(log->cut(raft_index{i}).ok());
    CHECK(contents(*log) == expected);
    CHECK(image(f).opened() == expected);
    full = false;
    CHECK(write(*log, one(++i, 1, "y")));
    CHECK(image(f).opened() == contents(*log));
    CHECK(log->settle().ok());
  }
}

TEST_CASE("a limit of the process on the size of files refuses, and is no loss") {
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    log_folder f(in_memory());
    auto log = log_store::open(f.log());
    bool good = log.ok();
    const std::string payload(30'000, 'x');
    uint64_t i = 1;
    for (; i <= 4 && good; ++i) good = write(**log, one(i, 1, payload));
    const rlimit limit{16 << 10, RLIM_INFINITY}, none{RLIM_INFINITY, RLIM_INFINITY};
    good = good && !(*log)->is_settled() && ::setrlimit(RLIMIT_FSIZE, &limit) == 0 && !write(**log, one(i, 1, payload)) && (*log)->last_index() == raft_index{4};
    good = good && ::setrlimit(RLIMIT_FSIZE, &none) == 0 && write(**log, one(i, 1, payload)) && write(**log, one(i + 1, 1, payload));
    good = good && (*log)->last_index() == raft_index{6} && image(f).opened() == contents(**log);
    f.~log_folder();
    ::_exit(good ? 0 : 1);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
}

TEST_CASE("who reads while entries are written, replaced and taken over sees a log of one moment") {
  log_folder f(in_memory());
  auto log = open_log(f);
  std::atomic<bool> done{false};
  std::atomic<uint64_t> wrong{0}, runs{0};
  const auto read = [&] {
    prng random(9);
    while (!done) {
      const auto last = log->last_index().v;
      const auto lo = random.between(1, last + 1);
      auto found = log->entries(raft_index{lo}, raft_index{last + 3}, 100'000);
      if (!found) {
        wrong += found.err().code != errc::not_found;
        continue;
      }
      ++runs;
      uint64_t term = 0;
      for (auto& e : *found) { // replaced entries have higher terms, and so has all behind them
        wrong += e.term.v < term || e.payload != std::to_string(e.index.v) + " of " + std::to_string(e.term.v);
        term = e.term.v;
      }
      wrong += found->front().index.v != lo;
    }
  };
  std::vector<std::thread> readers;
  for (int n = 0; n < 2; ++n) readers.emplace_back(read);
  prng random(10);
  uint64_t term = 1;
  bool good = true;
  for (int step = 0; step < 1500 || (runs < 500 && good); ++step) {
    log_batch b;
    const auto last = log->last_index().v;
    uint64_t at = last + 1;
    if (random.below(8) == 0 && last > 10) at = random.between(last - 8, last), ++term;
    std::vector<std::string> payloads;
    payloads.reserve(4);
    for (uint64_t n = random.between(1, 4); n > 0; --n, ++at) {
      payloads.push_back(std::to_string(at) + " of " + std::to_string(term));
      b.append.push_back(entry(at, term, payloads.back()));
    }
    good = good && write(*log, b);
    if (random.below(30) == 0) good = good && log->settle().ok();
  }
  done = true;
  for (auto& r : readers) r.join();
  CHECK(good);
  CHECK(wrong == 0);
}
