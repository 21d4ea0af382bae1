// What the directories of a DNS thread have in common: what recursors said of names outside, and batches of questions.
#pragma once
#include "api/dns/core/answer.hpp"
#include "api/dns/kept_names.hpp"
#include <chrono>
#include <functional>
#include <optional>

namespace actord::dns {

class thread_directory : public directory {
public:
  // Around each batch of questions.
  virtual void begin_batch() {}
  virtual void end_batch() {}
  // Before each question: who asks it; and if it waited, as of what it was asked (as_of() then).
  virtual void begin_question(uint64_t, std::optional<uint64_t>) {}
  virtual uint64_t as_of() const { return 0; }
  // After outcome::wait: called in the thread's loop when what is lacking was made, or could not be.
  using made_function = std::function<void(bool failed)>;
  virtual void when_made(made_function) {}
  virtual void allow_stale(bool yes) = 0;

  // What recursors said; believed for a second, so that the answer that waited for it can be written.
  void remember(const std::string& wire_name, uint16_t qtype, std::vector<foreign_record> records) {
    auto& known = qtype == type::aaaa ? foreign_v6_ : foreign_;
    known.put(wire_name) = {std::move(records), std::chrono::steady_clock::now() + std::chrono::seconds(1)};
  }
  // Names that are still unknown count as having no records from here on: an answer asked for too many.
  void stop_resolving(bool yes) { stop_resolving_ = yes; }
  const std::vector<foreign_record>* resolved(std::string_view wire_name, uint16_t qtype) override {
    static const std::vector<foreign_record> none;
    auto& known = qtype == type::aaaa ? foreign_v6_ : foreign_;
    auto* found = known.find(wire_name);
    if (found && found->expires > std::chrono::steady_clock::now()) return &found->records;
    return stop_resolving_ ? &none : nullptr;
  }

protected:
  static constexpr size_t most_names = 4096; // kept per thread, of each kind

private:
  struct known_name {
    std::vector<foreign_record> records;
    std::chrono::steady_clock::time_point expires;
  };
  bool stop_resolving_ = false;
  kept_names<known_name> foreign_{most_names}, foreign_v6_{most_names}; // asked for A, for AAAA
};

} // namespace actord::dns
