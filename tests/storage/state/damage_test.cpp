// Damage to the files of the state, generated: at the next open it is noticed and everything comes back from snapshot and log,
// or it is in room that nobody uses. It is never served, never lost without a word, and nothing faults.
#include "fixture.hpp"
#include "runtime/base/prng.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/state/verification.hpp"
#include <cstring>
#include <fstream>
#include <functional>

using namespace actord;
using namespace actord::test;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

// All commands from the first one, as the Raft log has them.
struct history {
  std::vector<std::string> commands; // commands[i] is entry i + 1
  uint64_t cut = 0;                  // what a snapshot stands for

  void add(std::string c) { commands.push_back(std::move(c)); }
  void replay(state_store& s) const {
    std::vector<apply_result> results;
    for (auto i = s.applied_index().v; i < commands.size(); ++i) {
      log_command one{raft_index{i + 1}, commands[i]};
      auto done = s.apply({&one, 1}, results);
      REQUIRE_MESSAGE(done.ok(), done.err().text);
    }
  }
  result<std::unique_ptr<state_store>> open(const std::string& path) const {
    store_options o{.path = path};
    o.least_applied = raft_index{cut};
    o.most_applied = raft_index{commands.size()};
    return state_store::open(std::move(o));
  }
};

history several_hundred() {
  history h;
  for (int n = 0; n < 12; ++n) h.add(encode_command(command_kind::catalog_register, node_only("node" + std::to_string(n), "10.0.0." + std::to_string(n))));
  for (int n = 0; n < 60; ++n) {
    auto r = with_service("node" + std::to_string(n % 12), "web" + std::to_string(n), n % 2 ? "web" : "db", {"a", "b" + std::to_string(n % 5)});
    r.checks.push_back(check_of("node" + std::to_string(n % 12), "check" + std::to_string(n), "web" + std::to_string(n)));
    h.add(encode_command(command_kind::catalog_register, r));
  }
  for (int n = 0; n < 20; ++n) {
    session_request s;
    s.op = session_create;
    s.session.id = "00000000-0000-0000-0000-0000000000" + std::to_string(10 + n);
    s.session.node = "node" + std::to_string(n % 12);
    h.add(encode_command(command_kind::session, s));
  }
  for (int n = 0; n < 300; ++n) {
    const auto key = "k/" + std::to_string(n) + (n % 40 == 0 ? std::string(700, 'x') : "");
    h.add(encode_kv_command(kv_set, key, std::string(n % 50 == 0 ? 9'000 : 40, static_cast<char>('a' + n % 26))));
  }
  for (int n = 0; n < 20; ++n) {
    h.add(encode_kv_command(kv_delete, "k/" + std::to_string(3 * n + 1), {}));
  }
  return h;
}

// Everything that a reader can see of keys, and the digest, which follows all tables.
std::string content_of(state_store& s) {
  std::string out;
  reader r(s);
  auto view = r.open();
  query_meta m;
  view.kv_list("", m, [&](const kv_entry& e) {
    out += e.key + "=" + e.value + ";" + std::to_string(e.modify_index) + "\n";
    return true;
  });
  for (auto& one : view.sessions("", m)) out += one.id + "@" + one.node + "\n";
  return out + std::to_string(s.digest().value);
}

struct damage_case {
  scratch_folder folder;
  std::string path = folder.path + "/state";
  history h = several_hundred();
  std::string right, file;

  explicit damage_case(uint64_t snapshot_at) {
    auto opened = h.open(path);
    REQUIRE(opened.ok());
    auto& s = **opened;
    if (snapshot_at > 0) {
      history before = h;
      before.commands.resize(snapshot_at);
      before.replay(s);
      REQUIRE(s.write_snapshot().ok());
      h.cut = snapshot_at;
    }
    h.replay(s);
    right = content_of(s);
    opened->reset();
    file = read_file(path + "/data.mdb");
  }
  // Opens with the file as it was damaged. "same", or the error.
  std::string outcome(const std::string& bytes) {
    write_file(path + "/data.mdb", bytes);
    auto s = h.open(path);
    if (!s) return s.err().text;
    h.replay(**s);
    const auto now = content_of(**s);
    return now == right ? "same" : "OTHER CONTENT";
  }
};

} // namespace

TEST_CASE("every page of the state, damaged in several ways, comes back from the log or from snapshot and log") {
  for (uint64_t snapshot_at : {uint64_t{0}, uint64_t{250}}) {
    CAPTURE(snapshot_at);
    damage_case d(snapshot_at);
    const size_t page = 4096;
    REQUIRE(d.file.size() % page == 0);
    prng random(snapshot_at + 1);
    for (size_t n = 0; n < d.file.size() / page; ++n) {
      CAPTURE(n);
      auto begin = d.file.begin() + static_cast<std::ptrdiff_t>(n * page);
      auto shorter = d.file;
      uint16_t lower;
      std::memcpy(&lower, shorter.data() + n * page + 12, 2);
      lower = static_cast<uint16_t>(lower - 2);
      std::memcpy(shorter.data() + n * page + 12, &lower, 2);
      CHECK(d.outcome(shorter) == "same");
      auto zero = d.file;
      std::fill_n(zero.begin() + (begin - d.file.begin()), page, '\0');
      CHECK(d.outcome(zero) == "same");
      auto noise = d.file;
      for (size_t i = 0; i < page; ++i) noise[n * page + i] = static_cast<char>(random.below(256));
      CHECK(d.outcome(noise) == "same");
      auto other = d.file;
      const auto from = random.below(d.file.size() / page) * page;
      other.replace(n * page, page, d.file, from, page);
      CHECK(d.outcome(other) == "same");
    }
    for (size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{8192}, d.file.size() / 2, d.file.size() - 4096, d.file.size() - 1}) {
      CAPTURE(size);
      CHECK(d.outcome(d.file.substr(0, size)) == "same");
    }
  }
}

TEST_CASE("bits turned over anywhere in the state") {
  damage_case d(250);
  prng random(77);
  for (int n = 0; n < 400; ++n) {
    auto bytes = d.file;
    const auto flips = 1 + random.below(n % 4 == 0 ? 40 : 1);
    for (uint64_t i = 0; i < flips; ++i) {
      const auto at = random.below(bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.below(8));
    }
    CAPTURE(n);
    CHECK(d.outcome(bytes) == "same");
  }
}

TEST_CASE("where neither snapshot nor log reach, the start fails with what to do, and nothing is touched") {
  damage_case d(250);
  auto bytes = d.file;
  bytes.resize(bytes.size() / 2);
  std::string snapshot;
  for (auto& e : std::filesystem::directory_iterator(d.path))
    if (e.path().filename().string().starts_with("snapshot-")) snapshot = e.path().string();
  auto copy = read_file(snapshot);
  auto bad_copy = copy;
  bad_copy.resize(copy.size() / 2);
  write_file(snapshot, bad_copy);
  for (int n = 0; n < 3; ++n) {
    const auto said = d.outcome(bytes);
    CHECK(said.find("Nothing was changed") != said.npos);
    CHECK(read_file(d.path + "/data.mdb") == bytes);
    CHECK(read_file(snapshot) == bad_copy);
  }
  write_file(snapshot, copy); // the operator puts it back
  CHECK(d.outcome(bytes) == "same");
}

TEST_CASE("a snapshot that is damaged is found, set aside, and written anew") {
  damage_case d(250);
  auto s = d.h.open(d.path);
  REQUIRE(s.ok());
  CHECK((*s)->verify_snapshot().ok());
  const auto path = (*s)->snapshot_path();
  auto bytes = read_file(path);
  for (size_t at = 2 * 4096 + 1000; at < bytes.size(); at += 1000) bytes[at] = static_cast<char>(bytes[at] ^ 4);
  write_file(path, bytes);
  auto found = (*s)->verify_snapshot();
  REQUIRE_FALSE(found.ok());
  CHECK(found.err().code == errc::corrupt);
  CHECK((*s)->snapshot_index().v == 0);
  CHECK_FALSE((*s)->adopt_snapshot(path + ".damaged").ok());
  REQUIRE((*s)->write_snapshot().ok());
  CHECK((*s)->verify_snapshot().ok());
  CHECK_FALSE(std::filesystem::exists(path + ".damaged"));
}

TEST_CASE("a state that is damaged while it is open is marked, not served, not copied, and rebuilt at the next open") {
  damage_case d(250);
  {
    auto s = d.h.open(d.path);
    REQUIRE(s.ok());
    std::string told;
    (*s)->on_damage([&](const std::string& what) { told += what; });
    auto walk = state_verification::begin(**s);
    REQUIRE(walk.ok());
    for (result<bool> more = false; more.ok() && !*more;) {
      more = (*walk)->go(8192);
      REQUIRE(more.ok());
    }
    // Every leaf loses its last entry, as they lie in the file.
    std::fstream out(d.path + "/data.mdb", std::ios::binary | std::ios::in | std::ios::out);
    for (size_t at = 2 * 4096; at < d.file.size(); at += 4096) {
      if (d.file[at + 10] != 2) continue;
      uint16_t lower;
      std::memcpy(&lower, d.file.data() + at + 12, 2);
      lower = static_cast<uint16_t>(lower - 2);
      out.seekp(static_cast<std::streamoff>(at + 12));
      out.write(reinterpret_cast<char*>(&lower), 2);
    }
    out.flush();
    auto again = state_verification::begin(**s);
    REQUIRE(again.ok());
    auto found = (*again)->go(UINT64_MAX);
    REQUIRE_FALSE(found.ok());
    CHECK(found.err().code == errc::corrupt);
    auto copied = (*s)->write_snapshot();
    REQUIRE_FALSE(copied.ok());
    CHECK_MESSAGE(copied.err().code == errc::corrupt, copied.err().text);
    REQUIRE((*s)->is_damaged());
    CHECK_FALSE(told.empty());
    std::vector<apply_result> results;
    const auto command = encode_kv_command(kv_set, "late", "x");
    log_command one{raft_index{d.h.commands.size() + 1}, command};
    auto applied = (*s)->apply({&one, 1}, results);
    REQUIRE_FALSE(applied.ok());
    CHECK(applied.err().code == errc::corrupt);
  }
  auto s = d.h.open(d.path);
  REQUIRE(s.ok());
  CHECK((*s)->applied_index().v == 250);
  d.h.replay(**s);
  CHECK(content_of(**s) == d.right);
}
