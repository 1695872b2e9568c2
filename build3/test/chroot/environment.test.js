import test from 'ava';
import {chooseEnvironment} from '../../src/chroot/environment.js';

const env = {
  PATH: '/usr/bin:/opt/bin',
  LANG: 'de_DE',
  HOME: '/home/me',
  TERM: 'vt100',
  https_proxy: 'p',
  QEMU_CPU: 'x',
};
test('the environment is passed on, its PATH with the administration directories at the end', (t) => {
  t.deepEqual(chooseEnvironment(env, {variables: {LANG: 'C', A: '1'}}), {
    ...env,
    PATH: '/usr/bin:/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin',
    LANG: 'C',
    A: '1',
  });
});
test('left behind, it is what a program needs at least: PATH, HOME, the terminal, proxies, what qemu reads', (t) => {
  t.deepEqual(chooseEnvironment(env, {keepEnv: false, variables: {A: '1'}}), {
    HOME: '/root',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    TERM: 'vt100',
    https_proxy: 'p',
    QEMU_CPU: 'x',
    A: '1',
  });
});
//# sourceMappingURL=environment.test.js.map
