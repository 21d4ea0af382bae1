// What is logged before there are sinks, which come after the stores: kept, and said once they are there.
#pragma once
#include "runtime/base/log.hpp"
#include <memory>
#include <string>
#include <vector>

namespace actord {

class early_lines {
public:
  early_lines() : sink_(log::add_sink(log::level::info, [kept = kept_](const log::record& r) {
    kept->push_back({r.lvl, r.unix_ms, std::string(r.subsystem), std::string(r.text)});
  })) {}
  ~early_lines() { log::remove_sink(sink_); }
  early_lines(const early_lines&) = delete;
  early_lines& operator=(const early_lines&) = delete;

  std::string text() const { // for a start that ends before there are sinks
    std::string out;
    for (auto& l : *kept_) out += "    " + log::format_line({l.level, l.unix_ms, l.subsystem, l.text});
    return out;
  }
  void say() {
    log::remove_sink(sink_);
    for (auto& l : *kept_) log::write(l.level, l.subsystem, l.text);
    kept_->clear();
  }

private:
  struct line {
    log::level level;
    int64_t unix_ms;
    std::string subsystem, text;
  };
  std::shared_ptr<std::vector<line>> kept_ = std::make_shared<std::vector<line>>();
  int sink_;
};

} // namespace actord
