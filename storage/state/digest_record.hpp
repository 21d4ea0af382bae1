// The digest of the state as it is kept beside it: the sums of all tables but `meta`, written in the transaction that changes
// them, under "digest" in `meta`. A walk over the file must come to the same sums, and servers that have applied as much
// must have the same ones.
//
// "applied" carries a check value behind its number. An older version writes the number alone, by which it is known that the
// record beside it is of before; it is begun anew then, with the sums relative to a state that nobody has counted yet
// (complete = false), until a walk tells what is missing.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/lmdb/page_walk.hpp"
#include "storage/lmdb/transaction.hpp"
#include "storage/state/tables.hpp"
#include <optional>
#include <vector>

namespace actord::state {

inline constexpr uint8_t digest_version = 1; // of what is summed up and how; another one is not compared

struct digest_record {
  uint64_t applied = 0, format = 0;
  bool complete = false;
  std::vector<lmdb::sum128> sums; // in the order of counted_tables()
  bool operator==(const digest_record&) const = default;
};

// Names of the tables that are summed up, in the order of the record: as in tables::each, and the one for long keys last.
const std::vector<std::string>& counted_tables();

std::string encode(const digest_record& r);
// Nothing for one of another version or another list of tables. errc::corrupt when its check value is wrong.
result<std::optional<digest_record>> decode_digest(std::string_view bytes);
// One number for the whole, of an encoded record: equal on all servers that have applied as much, if it is complete.
uint64_t fingerprint_in(std::string_view encoded);

std::string encode_applied(uint64_t index);
struct applied_value {
  uint64_t index = 0;
  bool checked = false; // false: absent, or written by an older version
};
result<applied_value> decode_applied(std::string_view bytes);

// What the entries of `meta` say; errc::corrupt when they contradict themselves or one another.
struct meta_content {
  uint64_t format = 0;
  applied_value applied;
  std::optional<digest_record> digest; // current and of this version
};
result<meta_content> decode_meta(std::optional<std::string_view> format, std::optional<std::string_view> applied, std::optional<std::string_view> digest);

// "level": that of the newest command that the state holds; 1 where it does not say. errc::corrupt when it is no number.
result<uint64_t> decode_level(std::optional<std::string_view> level);

// ---- verification: what a walk has found against what the record says ----------------------------------------------
struct verified_state {
  uint64_t applied = 0;
  uint64_t format = 0, level = 1;
  bool compared = false;                 // with a complete record; false: the structure is sound, and that is all that is known
  std::optional<digest_record> missing;  // of a record that is not complete, or is absent: what to add to it
};
// Walks a whole file (a copy, or the live one with nobody writing). errc::corrupt says what is damaged and where.
result<verified_state> verify_file(const std::string& path);
// The same at the start of a server, where time counts: whole while the state is small, else only what leads to the last pages.
result<verified_state> verify_at_start(const std::string& path);
// What a file says that it has applied, if it says so with its check value, whatever else is damaged in it; else 0.
uint64_t applied_in(const std::string& path);
result<verified_state> judge(const lmdb::page_walk& walk, bool whole);

} // namespace actord::state
