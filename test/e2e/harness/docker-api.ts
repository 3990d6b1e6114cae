/** What Docker's daemon tells without the command `docker`, whose start takes a second and more where the machine is slow. */
import { request } from 'node:http';

/** Of what is known of a container, what tests look at. */
export interface Inspected {
  State: { Status: string; Pid: number; ExitCode: number; OOMKilled: boolean; Health?: { Status: string } };
  ExecIDs: string[] | null;
}

/** Asks at a path of the API; fails unless there is an answer of status 200. */
export function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // Without an agent: a connection that is kept would fail with the daemon that is killed.
    const call = request({ socketPath, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${path}: ${response.statusCode} ${text}`));
      });
    });
    call.on('error', reject);
    call.end();
  });
}
