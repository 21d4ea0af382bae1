// What the directories of a DNS thread have in common: what recursors said of names outside, and batches of questions.
#pragma once
#include "api/dns/core/answer.hpp"
#include "runtime/base/text_hash.hpp"
#include <chrono>
#include <unordered_map>

namespace actord::dns {

class thread_directory : public directory {
public:
  // Around each batch of questions.
  virtual void begin_batch() {}
  virtual void end_batch() {}
  virtual void allow_stale(bool yes) = 0;

  // What recursors said; believed for a second, so that the answer that waited for it can be written.
  void remember(const std::string& wire_name, uint16_t qtype, std::vector<foreign_record> records) {
    auto& known = qtype == type::aaaa ? foreign_v6_ : foreign_;
    if (known.size() >= most_names) known.clear();
    known[wire_name] = {std::move(records), std::chrono::steady_clock::now() + std::chrono::seconds(1)};
  }
  // Names that are still unknown count as having no records from here on: an answer asked for too many.
  void stop_resolving(bool yes) { stop_resolving_ = yes; }
  const std::vector<foreign_record>* resolved(std::string_view wire_name, uint16_t qtype) override {
    static const std::vector<foreign_record> none;
    auto& known = qtype == type::aaaa ? foreign_v6_ : foreign_;
    auto it = known.find(wire_name);
    if (it != known.end() && it->second.expires > std::chrono::steady_clock::now()) return &it->second.records;
    return stop_resolving_ ? &none : nullptr;
  }

protected:
  template <class T> using table = text_map<T>;
  static constexpr size_t most_names = 4096; // kept per thread; beyond, all is forgotten

private:
  struct known_name {
    std::vector<foreign_record> records;
    std::chrono::steady_clock::time_point expires;
  };
  bool stop_resolving_ = false;
  table<known_name> foreign_, foreign_v6_; // asked for A, for AAAA
};

} // namespace actord::dns
