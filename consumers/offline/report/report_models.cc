#include "consumers/offline/report/report_sections.h"

#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "metrics/health.h"

namespace offerstream::report {

std::string ModelJson(const ModelReport& m) {
  return fmt::format(
      "{{\"id\": {}, \"version\": {}, \"observations\": {}, \"n\": {}, \"positives\": {}, \"auc\": {}, \"log_loss_ratio\": {}, "
      "\"calibration\": {}, \"rejected\": {}, \"drift_alarms\": {}, \"drivers\": {}}}",
      JsonText(m.id), m.version, m.observations, m.labels, m.positives, Number(m.auc), Number(m.log_loss_ratio),
      Number(m.calibration_ratio), m.rejected, m.drift_alarms, Array(m.drivers, [](const ModelReport::Driver& d) {
        return fmt::format("{{\"feature\": {}, \"coefficient\": {}, \"odds_ratio\": {}, \"low\": {}, \"high\": {}, \"z\": {}}}",
                           JsonText(d.feature), Number(d.coefficient), Number(d.odds_ratio), Number(d.low), Number(d.high), Number(d.z));
      }));
}

}  // namespace offerstream::report
