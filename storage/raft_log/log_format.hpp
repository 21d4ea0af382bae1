// The bytes of the log's records, with check values in those written from 2026-11-29 on; older ones are read as they are.
//   entry     term (8, big-endian), kind (1), payload                           as before
//             term (8), kind | 0x80 (1), check (4), payload                     the check covers the index, too
//   position  cut index, cut term, bytes, term (8 each), vote                   as before
//             cut index, cut term, bytes | 2^63, term, last index, its term, check (8 each), vote
//             the same with another check, and before the vote the generation and the bytes of the journal (8 each): what the journal
//             holds of this generation comes on top. Programs from before there was one take that for damage and do not use such a log as if
//             it were whole; a log that was closed in order has the form before.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/raft_log/log_store.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace actord::log_format {

inline constexpr size_t header_bytes = 13; // of an entry that is written now
inline constexpr uint8_t membership_kind = 2, highest_kind = 2; // of raft::entry_kind

void encode_entry(const log_record& r, char* to); // header_bytes and the payload's
size_t payload_size(std::string_view value);       // of an entry of either form; 0 for what is too short for one
// Views into value. Nothing: the form or the check value is wrong.
std::optional<log_record> decode_entry(std::string_view key, std::string_view value);

struct journal_mark {
  uint64_t generation = 0, bytes = 0; // bytes: of the file
};

struct position {
  raft_index cut_index;
  raft_term cut_term;
  uint64_t bytes = 0;
  raft_term term;
  std::string vote;
  std::optional<std::pair<raft_index, raft_term>> last; // absent in the older form
  std::optional<journal_mark> journal;
};
std::string encode(const position& p);
std::optional<position> decode_position(std::string_view bytes);

} // namespace actord::log_format
