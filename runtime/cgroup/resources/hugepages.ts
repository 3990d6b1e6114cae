import type { HugepageLimit } from '../../../spec/config.ts';
import { invalid, type Writes } from './writes.ts';

/**
 * config-linux.md, "Huge page limits": the reservations where the kernel counts them, and always what is used. The size
 * becomes part of a file's name.
 * @throws {TsrunError} `config-invalid`, `host-unsupported`
 */
export function writeHugepages(writes: Writes, limits: readonly HugepageLimit[]): void {
  const suffix = writes.isV1('hugetlb') ? 'limit_in_bytes' : 'max';
  limits.forEach(({ pageSize, limit }, index) => {
    const property = `hugepageLimits[${index}]`;
    if (!/^[1-9][0-9]*[KMG]B$/.test(pageSize))
      throw invalid(`${property}.pageSize`, 'not a size of huge pages; expected one like 2MB');
    writes.add('hugetlb', `hugetlb.${pageSize}.${suffix}`, String(limit), property);
    writes.add('hugetlb', `hugetlb.${pageSize}.rsvd.${suffix}`, String(limit), property, 'ignore');
  });
}
