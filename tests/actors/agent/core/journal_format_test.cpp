// What a damaged journal still says. Damage is generated: each byte changed, each length cut, sectors that were not written.
#include "actors/agent/core/journal_format.hpp"
#include <algorithm>
#include <doctest/doctest.h>

using namespace actord::agent;

namespace {

constexpr uint64_t file_bytes = 16 * 1024, old_file_bytes = 2 * 1024 * 1024;

file_change change_of(uint64_t n) {
  file_change c{(n % 2 ? "services/" : "checks/state/") + std::to_string(n), std::nullopt};
  if (n % 5) c.content = "{\"Output\":\"" + std::string(n * 7, 'x') + "\"}";
  return c;
}

struct written {
  std::string bytes;         // with zeros behind
  std::vector<size_t> begin; // of each record; the end of the last one behind them
};

written journal_of(uint64_t records, journal_head h = {file_bytes, 1, 0}) {
  written w;
  append_head(w.bytes, h);
  w.bytes.resize(journal_block);
  for (uint64_t n = 0; n < records; ++n) {
    w.begin.push_back(w.bytes.size());
    append_record(w.bytes, h.first + n, change_of(h.first + n));
  }
  w.begin.push_back(w.bytes.size());
  REQUIRE(w.bytes.size() < file_bytes);
  w.bytes.resize(file_bytes);
  return w;
}

// As version 1 wrote it.
written old_journal_of(uint64_t records) {
  written w;
  auto put = [&](uint64_t x, int size) {
    for (int i = 0; i < size; ++i) w.bytes += static_cast<char>(x >> (8 * i) & 0xff);
  };
  for (uint64_t n = 1; n <= records; ++n) {
    w.begin.push_back(w.bytes.size());
    const auto c = change_of(n);
    std::string rest(1, c.content ? '\1' : '\2');
    rest += static_cast<char>(c.path.size());
    rest += '\0';
    rest += c.path + c.content.value_or("");
    uint64_t h = 14695981039346656037ULL;
    for (unsigned char b : rest) h = (h ^ b) * 1099511628211ULL;
    put(rest.size(), 4), put(h, 8);
    w.bytes += rest;
  }
  w.begin.push_back(w.bytes.size());
  w.bytes.resize(old_file_bytes);
  return w;
}

bool says_something(const journal_reading& r) { return !r.cuts.empty() || r.shortened || r.missing > 0; }

bool holds_what_was_written(const journal_reading& r) {
  return std::all_of(r.records.begin(), r.records.end(), [](auto& one) {
    const auto c = change_of(one.number);
    return one.change.path == c.path && one.change.content == c.content;
  });
}

} // namespace

TEST_CASE("a whole journal gives back what was written, and has nothing to complain of") {
  for (uint64_t n : {0, 1, 20}) {
    const auto r = read_journal(journal_of(n).bytes, journal_version::two);
    CHECK(r.records.size() == n);
    CHECK(holds_what_was_written(r));
    CHECK_FALSE(says_something(r));
    const auto old = read_journal(old_journal_of(n).bytes, journal_version::one);
    CHECK(old.records.size() == n);
    CHECK(holds_what_was_written(old));
    CHECK_FALSE(says_something(old));
  }
}

TEST_CASE("one changed byte costs one record at most, and never without a word") {
  const auto w = journal_of(20);
  for (size_t at = 0; at < w.begin.back() + 4; ++at)
    for (int bits : {0x01, 0x80, 0xff}) {
      auto bytes = w.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ bits);
      const auto r = read_journal(bytes, journal_version::two);
      CAPTURE(at);
      REQUIRE(r.records.size() >= 19);
      REQUIRE(holds_what_was_written(r));
      if (r.records.size() < 20) {
        REQUIRE(r.damaged());
        REQUIRE(r.cuts.size() == 1);
        const auto hit = static_cast<size_t>(std::upper_bound(w.begin.begin(), w.begin.end(), at) - w.begin.begin()) - 1;
        CHECK(r.cuts[0].offset == w.begin[hit]);
        CHECK(r.cuts[0].bytes == w.begin[hit + 1] - w.begin[hit]);
        CHECK(r.cuts[0].behind == 19 - hit);
        CHECK(r.missing == (hit == 19 ? 0 : 1));
      }
    }
}

TEST_CASE("one changed byte of a journal of version 1 costs one record at most, and never without a word") {
  const auto w = old_journal_of(9);
  for (size_t at = 0; at < w.begin.back(); ++at) {
    auto bytes = w.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    const auto r = read_journal(bytes, journal_version::one);
    CAPTURE(at);
    REQUIRE(r.records.size() == 8);
    REQUIRE(r.damaged());
  }
}

TEST_CASE("a journal that was cut keeps what is before the cut, and says so wherever that was") {
  const auto w = journal_of(20);
  for (size_t size = 0; size < w.bytes.size(); size += size < w.begin.back() + 2 ? 1 : 97) {
    const auto r = read_journal(std::string_view(w.bytes).substr(0, size), journal_version::two);
    const auto whole = static_cast<size_t>(std::count_if(w.begin.begin() + 1, w.begin.end(), [&](size_t e) { return e <= size; }));
    CAPTURE(size);
    REQUIRE(r.records.size() == whole);
    REQUIRE(r.damaged());
  }
  const auto old = old_journal_of(9);
  for (size_t size = old.begin[1]; size < old.begin.back(); ++size) REQUIRE(read_journal(std::string_view(old.bytes).substr(0, size), journal_version::one).damaged());
}

TEST_CASE("a write that a crash interrupted is no damage: what it was to hold was not acknowledged") {
  const auto w = journal_of(20);
  // Acknowledged up to some record; of one write behind it only the first sectors came to the disk.
  for (size_t acknowledged = 0; acknowledged < 19; ++acknowledged)
    for (size_t to = (w.begin[acknowledged] / 512 + 1) * 512; to < w.begin.back(); to += 512) {
      auto bytes = w.bytes;
      std::fill(bytes.begin() + static_cast<long>(to), bytes.end(), '\0');
      const auto r = read_journal(bytes, journal_version::two);
      CAPTURE(acknowledged);
      CAPTURE(to);
      CHECK(r.records.size() >= acknowledged);
      CHECK(holds_what_was_written(r));
      // A cut within the last seven bytes before a record's end is told as damage: better one word too many.
      const bool near_end = std::any_of(w.begin.begin(), w.begin.end(), [&](size_t e) { return e > to && e - to < 8; });
      if (!near_end) CHECK_FALSE(r.damaged());
    }
}

TEST_CASE("a sector in the middle that was lost costs the records in it, and their number is told") {
  const auto w = journal_of(20);
  for (size_t at = journal_block; at + 512 < w.begin[18]; at += 512) {
    auto bytes = w.bytes;
    std::fill_n(bytes.begin() + static_cast<long>(at), 512, '\0');
    const auto r = read_journal(bytes, journal_version::two);
    CAPTURE(at);
    REQUIRE(holds_what_was_written(r));
    REQUIRE(r.damaged());
    CHECK(r.records.size() + r.missing == 20);
  }
}

TEST_CASE("what was settled is no record any more, and zeroing that a crash interrupted is no damage") {
  auto bytes = journal_of(20).bytes;
  std::string head;
  append_head(head, {file_bytes, 21, 20});
  bytes.replace(0, head.size(), head);
  for (size_t zeros = 0; zeros < 1024; zeros += 512) {
    std::fill_n(bytes.begin() + static_cast<long>(journal_block), zeros, '\0');
    const auto r = read_journal(bytes, journal_version::two);
    CHECK(r.records.empty());
    CHECK_FALSE(says_something(r));
  }
}

TEST_CASE("a head that is lost is told, and the records are still read") {
  auto w = journal_of(5);
  std::fill_n(w.bytes.begin(), journal_block, '\0');
  const auto r = read_journal(w.bytes, journal_version::two);
  CHECK(r.records.size() == 5);
  CHECK(r.damaged());
  CHECK(read_journal(std::string(file_bytes, '\0'), journal_version::two).damaged());
  CHECK(read_journal("", journal_version::two).damaged());
}

TEST_CASE("a journal names only files of ours") {
  std::string bytes;
  append_head(bytes, {file_bytes, 1, 0});
  bytes.resize(journal_block);
  append_record(bytes, 1, {"../etc/passwd", "x"});
  append_record(bytes, 2, {"services/../../x", "x"});
  append_record(bytes, 3, {"checks/ok", "x"});
  bytes.resize(file_bytes);
  const auto r = read_journal(bytes, journal_version::two);
  REQUIRE(r.records.size() == 1);
  CHECK(r.records[0].change.path == "checks/ok");
}
