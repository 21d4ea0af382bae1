// DNS messages on the wire (RFC 1035 section 4, EDNS0 RFC 6891, client subnet RFC 7871): reading a question, writing an
// answer into a buffer that the caller owns. No allocation per packet.
#pragma once
#include "api/dns/core/types.hpp"
#include <optional>
#include <span>

namespace actord::dns {

using byte_view = std::span<const uint8_t>;

inline constexpr size_t header_size = 12;
inline constexpr size_t max_message = 65535;

// One question as it came. The views point into the packet.
struct query {
  uint16_t id = 0;
  uint16_t flags = 0;      // as on the wire
  byte_view name;          // complete wire name, in the asker's case; never compressed
  uint16_t qtype = 0, qclass = 1;
  bool has_edns = false;
  uint16_t edns_size = 0;
  byte_view subnet;        // the client subnet option's data, empty when there is none
  ip_address asker;        // whom it came from, as far as known; not part of the message
  std::array<char, 256> lower{};         // the name in lower case, labels as on the wire
  std::array<uint8_t, 128> label_at{};   // where each label begins in `lower` (its length byte)
  uint8_t labels = 0;
  bool recursion_desired() const { return flags & 0x0100; }
  std::string_view label(size_t i) const {
    return {lower.data() + label_at[i] + 1, static_cast<uint8_t>(lower[label_at[i]])};
  }
};

// ok: `out` is set. ignore: no answer is due (too short, or an answer itself). Otherwise answer with that code; id and
// flags are set then, and the question when it could be read.
enum class verdict { ok, ignore, format_error, not_implemented };
verdict parse_query(byte_view packet, query& out);

// Id and return code of an answer to `asked` (the packet that was sent); false when it does not belong to it.
bool answers_question(byte_view asked, byte_view answer, rcode& code);
// The address and alias records of an answer's answer section, at most `limit`. False when it does not parse.
bool parse_records(byte_view message, size_t limit, std::vector<foreign_record>& out);
// A question for `name` (complete wire name), recursion desired.
void write_question(std::vector<uint8_t>& out, uint16_t id, std::string_view name, uint16_t qtype);

// Writes one message. Names are compressed against everything written before (case-sensitively, so that the question's
// case is kept), unless switched off. Overflow is remembered instead of written: check fits().
class writer {
public:
  enum class section { answer, authority, additional };

  explicit writer(std::span<uint8_t> buffer) : buffer_(buffer) { offsets_.resize(table_size); }
  void rebind(std::span<uint8_t> buffer) { buffer_ = buffer; }

  // Header and question; forgets what was written before.
  void begin(const query& q, bool compress);
  void set_flags(bool authoritative, bool truncated, bool recursion_available, rcode code);

  // Each adds one record whose owner is `prefix` (labels) followed by `suffix` (complete wire name).
  void begin_record(std::string_view prefix, std::string_view suffix, uint16_t rtype, uint32_t ttl, section s);
  void begin_record_of_question(uint16_t rtype, uint32_t ttl, section s);
  void end_record();
  void put_name(std::string_view prefix, std::string_view suffix, bool may_compress); // inside a record
  void put16(uint16_t x);
  void put32(uint32_t x);
  void put_bytes(std::string_view bytes);
  void put_bytes(byte_view bytes) { put_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); }
  // A client subnet comes back with scope 0, when the answer is the same for everybody, or with its own length.
  void put_opt(const query& q, bool for_subnet = false);

  size_t size() const { return at_; }
  bool fits() const { return !overflow_; }
  byte_view message() const { return {buffer_.data(), at_}; }

private:
  struct suffix_slot {
    uint32_t hash = 0;
    uint16_t offset = 0;
    uint16_t generation = 0;
  };
  static constexpr size_t table_size = 2048; // suffixes remembered; a full table only compresses less
  void start_record(uint16_t rtype, uint32_t ttl, section s);
  bool name_is_at(size_t offset, const uint8_t* labels) const;

  std::span<uint8_t> buffer_;
  size_t at_ = 0, length_at_ = 0;
  bool overflow_ = false, compress_ = true;
  size_t question_name_size_ = 0;
  std::array<uint16_t, 3> counts_{};
  std::vector<suffix_slot> offsets_;
  size_t remembered_ = 0;
  uint16_t generation_ = 0;
};

} // namespace actord::dns
