// Whatever the disk gives back of a Raft log: its records are decoded or turned down, and what was decoded survives another
// round trip.
#include "storage/raft_log/journal_format.hpp"
#include "storage/raft_log/log_format.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <cstdlib>
#include <cstring>

namespace {

using namespace actord;

void read_entries(std::string_view content) {
  journal_format::entry e;
  while (journal_format::take_entry(content, e)) {
    std::string again;
    journal_format::append_entry(again, e.record);
    std::string_view left = again;
    journal_format::entry same;
    if (!journal_format::take_entry(left, same) || !left.empty() || same.record.payload != e.record.payload || same.record.index != e.record.index) std::abort();
  }
}

// A journal with two batches of these bytes, a piece of which is written over by others of them: it is as it was, or its last batch is not there,
// or that is told.
void read_journal(std::string_view in) {
  constexpr uint64_t generation = 7;
  const auto half = in.substr(0, in.size() / 2);
  const size_t room = journal_format::framed_bytes(half.size());
  std::string file(2 * room + journal_format::unit_bytes, '\0');
  journal_format::frame_nothing(0, file.data(), file.size());
  journal_format::frame(0, generation, 1, half, file.data());
  journal_format::frame(room, generation, 2, in.substr(half.size() - half.size() / 2, half.size()), file.data() + room);
  const auto whole = journal_format::read(file, file.size(), generation);
  if (!whole.sound || !whole.damage.empty() || whole.batches.size() != 2 || whole.batches[0] != half) std::abort();
  if (in.size() < 8) return;
  uint32_t at = 0;
  std::memcpy(&at, in.data(), 4);
  const auto piece = in.substr(4, 1 + static_cast<uint8_t>(in[7]) * 4U);
  at %= static_cast<uint32_t>(file.size());
  std::memcpy(file.data() + at, piece.data(), std::min(piece.size(), file.size() - at));
  const auto now = journal_format::read(file, file.size(), generation);
  if (now.damage.empty() && now.batches != whole.batches) std::abort(); // no piece of these is as a file is made
  (void)journal_format::read(in, in.size() / 512 * 512 + 512, generation);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  if (auto p = log_format::decode_position(in)) {
    p->last.emplace(raft_index{1}, raft_term{1});
    auto again = log_format::decode_position(log_format::encode(*p));
    if (!again || again->vote != p->vote || again->cut_index != p->cut_index || again->bytes != p->bytes) std::abort();
  }
  if (size >= 8) {
    if (auto r = log_format::decode_entry(in.substr(0, 8), in.substr(8))) {
      std::string value(log_format::header_bytes + r->payload.size(), '\0');
      log_format::encode_entry(*r, value.data());
      auto again = log_format::decode_entry(in.substr(0, 8), value);
      if (!again || again->payload != r->payload || again->kind != r->kind || log_format::payload_size(value) != r->payload.size()) std::abort();
    }
  }
  if (auto v = decode_vote(in)) {
    auto again = decode_vote(encode(*v));
    if (!again || again->vote != v->vote || again->members.size() != v->members.size()) std::abort();
  }
  // Behind a right check value the fields can be anything.
  vote_record r;
  r.vote = in;
  r.members.push_back({raft_index{size}, raft_term{1}, 2, std::string(in)});
  if (auto v = decode_vote(encode(r)); !v || v->vote != in || v->members[0].payload != in) std::abort();
  read_entries(in);
  read_journal(in);
  return 0;
}
