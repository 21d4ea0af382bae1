// The walk against real databases: it accepts what LMDB makes, in all shapes, and counts what LMDB counts; and whatever is
// changed in a page is noticed, or is in room that nobody uses.
#include "runtime/base/prng.hpp"
#include "storage/lmdb/page_walk.hpp"
#include "storage/lmdb/table.hpp"
#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace actord;
using namespace actord::lmdb;

namespace {

struct scratch {
  std::string path;
  scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "walk-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~scratch() { std::filesystem::remove_all(path); }
};

class text_pages : public page_source {
public:
  explicit text_pages(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  int read(uint64_t at, char* to, size_t n) const override {
    if (at > bytes_.size() || n > bytes_.size() - at) return absent;
    std::memcpy(to, bytes_.data() + at, n);
    return 0;
  }
  std::string bytes_;
};

// A disk that fails once, at the n-th reading.
class failing_pages : public text_pages {
public:
  failing_pages(std::string bytes, int n) : text_pages(std::move(bytes)), left_(n) {}
  int read(uint64_t at, char* to, size_t n) const override { return --left_ == 0 ? EIO : text_pages::read(at, to, n); }
  bool has_failed() const { return left_ <= 0; }

private:
  mutable int left_;
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct database {
  scratch folder;
  std::unique_ptr<environment> env = std::move(*environment::open(folder.path, {.sync = false}));
  table a, b;
  content_sums sums;

  database() {
    auto txn = transaction::write(*env);
    open_table(txn, "a", a);
    open_table(txn, "b", b);
    txn.commit();
  }
  // Random puts and deletes of keys and values of all lengths, some taken back, some in nested transactions.
  void churn(prng& random, size_t steps, size_t keys) {
    auto txn = transaction::write(*env);
    txn.count(sums);
    const auto key = [&] {
      const auto n = random.below(keys);
      static constexpr size_t lengths[] = {0, 3, 40, 200, 470, 600, 1400};
      return std::to_string(n) + std::string(lengths[n % 7], static_cast<char>('a' + n % 26));
    };
    for (size_t i = 0; i < steps; ++i) {
      auto& t = random.chance(0.7) ? a : b;
      if (random.chance(0.1)) {
        auto child = transaction::child(txn);
        for (int n = 0; n < 5; ++n) put(child, t, key(), std::string(random.below(100), 'c'));
        erase(child, t, key());
        if (random.chance(0.5)) child.commit();
      } else if (random.chance(0.35)) {
        erase(txn, t, key());
      } else if (random.chance(0.5)) {
        const auto size = random.chance(0.1) ? random.below(20'000) : random.below(300);
        auto* room = reserve(txn, t, key(), size);
        if (size > 0) std::memset(room, static_cast<int>('A' + random.below(26)), size);
      } else {
        put(txn, t, key(), std::string(random.chance(0.05) ? 70'000 + random.below(140'000) : random.below(60), 'v'));
      }
    }
    txn.commit();
    sums = *txn.sums();
  }
};

result<bool> walk_all(const page_source& pages, std::vector<walked_table>& found, walk_scope scope = {}) {
  auto head = read_head(pages);
  if (!head) return head.err();
  page_walk walk(pages, *head, scope);
  for (;;) {
    auto done = walk.go(10'000); // in portions
    if (!done) return done;
    if (*done) break;
  }
  found = walk.tables();
  return true;
}

void check_agrees(database& d, const page_source& pages) {
  std::vector<walked_table> found;
  auto done = walk_all(pages, found);
  REQUIRE_MESSAGE(done.ok(), done.err().text);
  auto txn = transaction::read(*d.env);
  for (auto& t : found) {
    const auto id = t.name == "a" ? d.a.id : t.name == "b" ? d.b.id : d.a.overflow;
    CHECK(t.entries == count(txn, {id, 0}));
    CHECK(t.sum == d.sums.of[id]);
  }
  CHECK(found.size() == 3);
}

} // namespace

TEST_CASE("what a walk finds is what the sums followed, through every shape that a database takes") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    prng random(seed);
    database d;
    const size_t keys = seed % 3 == 0 ? 30 : seed % 3 == 1 ? 700 : 8'000;
    for (int round = 0; round < 12; ++round) {
      d.churn(random, 20 + random.below(keys), keys);
      check_agrees(d, file_pages(d.env->fd()));
    }
    const auto copy = d.folder.path + "/copy";
    const int fd = ::open(copy.c_str(), O_RDWR | O_CREAT, 0600);
    REQUIRE(d.env->copy_to(fd).ok());
    check_agrees(d, file_pages(fd));
    ::close(fd);
  }
}

TEST_CASE("a walk sees one moment while writers go on") {
  prng random(5);
  database d;
  d.churn(random, 5'000, 3'000);
  const auto then = d.sums;
  pin moment(*d.env);
  file_pages pages(d.env->fd());
  auto head = read_head(pages, moment.transaction());
  REQUIRE(head.ok());
  page_walk walk(pages, *head);
  for (;;) {
    d.churn(random, 300, 3'000);
    auto done = walk.go(50'000);
    REQUIRE_MESSAGE(done.ok(), done.err().text);
    if (*done) break;
  }
  for (auto& t : walk.tables()) CHECK(t.sum == then.of[t.name == "a" ? d.a.id : t.name == "b" ? d.b.id : d.a.overflow]);
  CHECK(read_head(pages, moment.transaction()).err().code == errc::not_found);
}

TEST_CASE("whatever bit is turned over, the walk says so or comes to the same") {
  prng random(9);
  database d;
  for (int i = 0; i < 4; ++i) d.churn(random, 400, 300);
  const auto whole = read_file(d.folder.path + "/data.mdb");
  std::vector<walked_table> right;
  REQUIRE(walk_all(text_pages(whole), right).ok());
  size_t noticed = 0, changed = 0, harmless = 0;
  for (int n = 0; n < 20'000; ++n) {
    text_pages pages(whole);
    const auto at = random.below(whole.size());
    pages.bytes_[at] = static_cast<char>(pages.bytes_[at] ^ 1 << random.below(8));
    std::vector<walked_table> found;
    auto done = walk_all(pages, found);
    if (!done) {
      CHECK(done.err().code == errc::corrupt);
      ++noticed;
      continue;
    }
    const bool same = std::equal(found.begin(), found.end(), right.begin(), right.end(), [](auto& x, auto& y) { return x.name == y.name && x.entries == y.entries && x.sum == y.sum; });
    ++(same ? harmless : changed);
  }
  MESSAGE("noticed by structure: ", noticed, ", by the sums: ", changed, ", in unused room: ", harmless);
  CHECK(noticed > 100);
  CHECK(changed > 1000);
}

TEST_CASE("a lost entry, a page of zeros, half a file, pages that are exchanged") {
  prng random(3);
  database d;
  d.churn(random, 3'000, 2'000);
  const auto whole = read_file(d.folder.path + "/data.mdb");
  auto head = read_head(text_pages(whole));
  REQUIRE(head.ok());
  std::vector<walked_table> right;
  REQUIRE(walk_all(text_pages(whole), right).ok());
  const size_t page = head->page_bytes, count = whole.size() / page;
  size_t trees = 0;
  for (size_t n = 2; n < count; ++n) {
    const auto flags = static_cast<unsigned char>(whole[n * page + 10]);
    text_pages shorter(whole), zero(whole);
    std::fill_n(zero.bytes_.begin() + static_cast<std::ptrdiff_t>(n * page), page, '\0');
    uint16_t lower;
    std::memcpy(&lower, whole.data() + n * page + 12, 2);
    lower = static_cast<uint16_t>(lower - 2);
    std::memcpy(shorter.bytes_.data() + n * page + 12, &lower, 2);
    std::vector<walked_table> found;
    const auto differs = [&](const text_pages& p) {
      found.clear();
      if (!walk_all(p, found)) return true;
      return !std::equal(found.begin(), found.end(), right.begin(), right.end(), [](auto& x, auto& y) { return x.sum == y.sum; });
    };
    const bool used = differs(zero);
    if (!used || (flags & 3) == 0) continue;
    ++trees;
    CHECK(differs(shorter));
  }
  CHECK(trees > 20);
  std::vector<walked_table> found;
  CHECK_FALSE(walk_all(text_pages(whole.substr(0, whole.size() / 2)), found).ok());
  CHECK_FALSE(walk_all(text_pages(whole.substr(0, 100)), found).ok());
  CHECK_FALSE(walk_all(text_pages(""), found).ok());
  // Without its leaves the walk still sees what leads to them, for a small part of the cost.
  const text_pages pages(whole);
  page_walk quick(pages, *head, {.branches_only = true}), all(pages, *head);
  REQUIRE(quick.go().ok());
  REQUIRE(all.go().ok());
  CHECK(quick.bytes_read() * 5 < all.bytes_read());
}

// Whoever believes in damage throws the file away.
TEST_CASE("a disk that fails is no damage") {
  prng random(4);
  database d;
  d.churn(random, 3'000, 2'000);
  const auto whole = read_file(d.folder.path + "/data.mdb");
  int failures = 0;
  for (int n = 1;; ++n) {
    const failing_pages pages(whole, n);
    std::vector<walked_table> found;
    auto walked = walk_all(pages, found);
    if (!pages.has_failed()) break;
    ++failures;
    CAPTURE(n);
    REQUIRE_FALSE(walked.ok());
    CHECK(walked.err().code == errc::internal);
    CHECK(walked.err().text.ends_with("cannot be read: Input/output error"));
  }
  CHECK(failures > 20);
}
