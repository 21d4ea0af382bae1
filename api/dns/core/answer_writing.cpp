// The second half of an answer: how much of it fits, and the bytes.
#include "api/dns/core/answer.hpp"
#include "runtime/base/text_hash.hpp"
#include <algorithm>
#include <unordered_map>
#include <utility>

namespace actord::dns {
namespace {

constexpr size_t plain_udp_size = 512;    // RFC 1035 2.3.4
constexpr size_t udp_slack = 7;           // Consul stays so far below the size
constexpr size_t largest_tcp = 65523;     // 64 KiB less the header
constexpr size_t tcp_answers = 4096, tcp_srv_answers = 1024;

} // namespace

void responder::write_record(const record& r, writer::section s, writer& out) {
  if (r.owner_is_question) out.begin_record_of_question(r.type, r.ttl, s);
  else out.begin_record(r.owner_prefix, r.owner_suffix, r.type, r.ttl, s);
  switch (r.type) {
  case type::srv:
    out.put16(1);
    out.put16(r.weight);
    out.put16(r.port);
    out.put_name(r.target_prefix, r.target_suffix, false); // RFC 2782: no compression of the target
    break;
  case type::cname:
  case type::ns:
  case type::ptr: out.put_name(r.target_prefix, r.target_suffix, true); break;
  default: out.put_bytes(r.bytes); break;
  }
  out.end_record();
}

void responder::write_soa(writer::section s, writer& out) {
  out.begin_record({}, domain_, type::soa, settings_->soa_min_ttl, s);
  out.put_name({}, ns_, true);
  out.put_name({}, hostmaster_, true);
  for (uint32_t x : {now_, settings_->soa_refresh, settings_->soa_retry, settings_->soa_expire, settings_->soa_min_ttl}) out.put32(x);
  out.end_record();
}

// A trimmed answer keeps, for every SRV record, the first additional record of its target's name.
void responder::write_additional(size_t answers, bool trimmed, writer& out) {
  if (!trimmed) {
    for (auto& r : additional_) write_record(r, writer::section::additional, out);
    return;
  }
  if (additional_of_.empty()) match_additional();
  for (size_t i = 0; i < answers; ++i)
    if (additional_of_[i] != none) write_record(additional_[additional_of_[i]], writer::section::additional, out);
}

// Each record belongs to the first answer of its name, so that it is there once in any message.
void responder::match_additional() {
  text_map<uint32_t> first;
  for (uint32_t i = 0; i < additional_.size(); ++i) first.try_emplace(std::string(additional_[i].owner_prefix) += additional_[i].owner_suffix, i);
  additional_of_.assign(answer_.size(), none);
  for (size_t i = 0; i < answer_.size(); ++i) {
    if (answer_[i].type != type::srv) continue;
    const auto it = first.find(std::string(answer_[i].target_prefix) += answer_[i].target_suffix);
    if (it != first.end()) additional_of_[i] = std::exchange(it->second, none);
  }
}

void responder::write(const query& q, size_t answers, bool trimmed, bool compress, bool with_opt, writer& out) {
  out.begin(q, compress);
  if (soa_in_answer_) write_soa(writer::section::answer, out);
  for (size_t i = 0; i < answers; ++i) write_record(answer_[i], writer::section::answer, out);
  if (soa_in_authority_) write_soa(writer::section::authority, out);
  for (auto& r : authority_) write_record(r, writer::section::authority, out);
  write_additional(answers, trimmed, out);
  if (with_opt && q.has_edns) out.put_opt(q, for_subnet_);
  // Without its addresses an answer is of no use, so that one is to be asked for by TCP in any case.
  const bool truncated = trimmed && (settings_->enable_truncate || addresses_in(answers) == 0);
  out.set_flags(true, truncated, settings_->have_recursors, code_);
}

size_t responder::addresses_in(size_t answers) const {
  return static_cast<size_t>(std::count_if(answer_.begin(), answer_.begin() + static_cast<ptrdiff_t>(answers), [](auto& r) { return r.type != type::cname; }));
}

size_t responder::measure(const query& q, size_t answers, bool trimmed, bool compress, writer& out) {
  write(q, answers, trimmed, compress, false, out);
  return out.fits() ? out.size() : max_message + 1;
}

// The largest number of answers up to `from`, at least one, whose message is not larger than `limit`. All of them may fit where
// only what is beside them has to be cut.
size_t responder::most_that_fit(const query& q, size_t from, size_t limit, bool compress, writer& out) {
  size_t good = 1, bad = from + 1;
  while (good + 1 < bad) {
    size_t middle = good + (bad - good) / 2;
    (measure(q, middle, true, compress, out) <= limit ? good : bad) = middle;
  }
  return good;
}

// The size of the message that is not to be exceeded, without the OPT record.
size_t responder::room_for(const query& q, bool udp) { return udp ? std::max<size_t>(plain_udp_size, q.edns_size) - udp_slack : largest_tcp; }

size_t responder::most_answers(const query& q, bool udp) { return udp ? max_message : q.qtype == type::srv ? tcp_srv_answers : tcp_answers; }

void responder::trim_and_write(const query& q, bool udp, writer& out) {
  const bool compress = !settings_->disable_compression;
  size_t answers = answer_.size();
  const size_t limit = room_for(q, udp);
  bool compressed_size = compress;
  if (udp) {
    const auto most = static_cast<size_t>(std::clamp(settings_->udp_answer_limit, 0, 8));
    // Instances are counted; what one node has is told whole, and so are the names on the way to an address.
    const size_t addresses = addresses_in(answers);
    if (wanted_.what == wanted::kind::service && limit + udp_slack == plain_udp_size && addresses > most) {
      answers -= addresses - most; // names come first
      compressed_size = false; // so that the asker may unpack it into 512 bytes
    }
  } else {
    answers = std::min(answers, most_answers(q, udp));
  }
  bool trimmed = answers < answer_.size();
  if (answers > 1 && measure(q, answers, trimmed, compressed_size, out) > limit) {
    trimmed = true;
    answers = most_that_fit(q, answers, limit, compressed_size, out);
  }
  write(q, answers, trimmed, compress, true, out);
  // Consul does not count the OPT record and can exceed what the asker takes by it; one answer less mends that.
  while (udp && answers > 1 && out.size() > limit + udp_slack) write(q, --answers, true, compress, true, out);
}

} // namespace actord::dns
